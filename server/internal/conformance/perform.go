package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// EventuallyTimeout is how long something in the background may take.
const EventuallyTimeout = 20 * time.Second

// An attempt is an exchange whose message is made.
type attempt struct {
	Exchange

	transport string
	message   *Message
	vars      Variables
}

// Perform does one exchange over HTTP and stores captured values in v. It returns the
// response, and an error that describes what is wrong.
func (c *Client) Perform(ctx context.Context, transport string, v Variables, e Exchange) (*Answer, error) {
	m, err := Prepare(e.Request, v.As(e.As))
	if err != nil {
		return nil, err
	}
	a := attempt{Exchange: e, transport: transport, message: m, vars: v}
	if e.Race != nil {
		return c.race(ctx, a)
	}
	got, err := c.once(ctx, a)
	if !e.Eventually {
		return got, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(EventuallyTimeout); err != nil && time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return got, err
		case <-tick.C:
			got, err = c.once(ctx, a)
		}
	}
	return got, err
}

func (c *Client) once(ctx context.Context, a attempt) (*Answer, error) {
	got, err := c.Ask(ctx, a.transport, a.message, a.Response)
	if err != nil {
		return nil, mismatch(a, nil, a.Response, err)
	}
	if err := c.check(ctx, a, got, a.Response); err != nil {
		return got, err
	}
	return got, mismatch(a, got, a.Response, capture(a.Response.Capture, got, a.vars))
}

// check runs all checks of a response.
func (c *Client) check(ctx context.Context, a attempt, got *Answer, want Response) error {
	if a.message.Leaves && want.Status == 0 {
		return mismatch(a, got, want, got.Framing) // What would have come is not asked.
	}
	isSuccess := got.Status < http.StatusBadRequest
	got.Raw = want.Raw && isSuccess
	got.Array = want.Body != nil && want.Body.Frames != nil && want.Headers["Content-Type"] == "application/json" && isSuccess
	errs := []error{got.Framing, c.params.Invariants.Check(a.message, got), checkResponse(got, want, a)}
	if c.params.Check != nil && !got.isPartial() {
		errs = append(errs, c.params.Check(ctx, a.message, got))
	}
	return mismatch(a, got, want, errors.Join(errs...))
}

// race sends the request many times at once, and returns a winner's response.
func (c *Client) race(ctx context.Context, a attempt) (*Answer, error) {
	answers := make([]*Answer, a.Race.Times)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() error {
			var err error
			answers[i], err = c.Ask(ctx, a.transport, a.message, a.Response)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, mismatch(a, nil, a.Response, err)
	}
	var errs []error
	var winner *Answer
	winners := 0
	for _, one := range answers {
		want := a.Race.Losers
		if one.Status == a.Response.Status {
			want = a.Response
			winner = one
			winners++
		}
		errs = append(errs, c.check(ctx, a, one, want))
	}
	if winners != a.Race.Winners {
		err := fmt.Errorf("%d of %d responses were %d, want %d", winners, a.Race.Times, a.Response.Status, a.Race.Winners)
		errs = append(errs, mismatch(a, winner, a.Response, err))
	}
	if winner == nil {
		return nil, errors.Join(errs...)
	}
	return winner, errors.Join(append(errs, capture(a.Response.Capture, winner, a.vars))...)
}

// capture puts parts of a response into variables.
func capture(wanted map[string]string, got *Answer, v Variables) error {
	for name, place := range wanted {
		var value string
		if field, ok := strings.CutPrefix(place, "header:"); ok {
			value = got.Header.Get(field)
		} else {
			var content any
			if err := json.Unmarshal(got.Body, &content); err != nil {
				return fmt.Errorf("capturing %s: %w", name, err)
			}
			found, ok := Lookup(content, place)
			if !ok {
				return fmt.Errorf("capturing %s: nothing is at %s", name, place)
			}
			value = fmt.Sprint(found)
		}
		if value == "" {
			return fmt.Errorf("capturing %s: %s is empty", name, place)
		}
		v[name] = value
	}
	return nil
}
