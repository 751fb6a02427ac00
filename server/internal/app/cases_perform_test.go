package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// eventuallyTimeout is how long something in the background may take.
const eventuallyTimeout = 20 * time.Second

// perform does one exchange over HTTP, puts what it captures into v, and returns the
// answer with what is wrong with it.
func (s *server) perform(ctx context.Context, transport string, v variables, e exchange) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	m, err := prepare(e.Request, v.as(e.As))
	if err != nil {
		return nil, err
	}
	if e.Race != nil {
		return s.race(ctx, transport, v, e)
	}
	got, err := s.once(ctx, transport, v, m, e.Response)
	if !e.Eventually {
		return got, err
	}
	ctx, stop := context.WithTimeout(ctx, eventuallyTimeout)
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for err != nil {
		select {
		case <-ctx.Done():
			return got, err
		case <-tick.C:
			got, err = s.once(ctx, transport, v, m, e.Response)
		}
	}
	return got, nil
}

func (s *server) once(ctx context.Context, transport string, v variables, m *message, want response) (*answer, error) {
	got, err := s.send(ctx, transport, m)
	if err != nil {
		return nil, err
	}
	return got, errors.Join(got.framing, s.checkInvariants(m, got), s.checkDocumented(ctx, m, got), checkResponse(m, got, want, v), capture(want.Capture, got, v))
}

func (s *server) send(ctx context.Context, transport string, m *message) (*answer, error) {
	if transport == overH2C {
		return sendH2C(ctx, s.h2c, s.scheme(), s.address(), m)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return sendHTTP1(ctx, conn, s.address(), m)
}

// race sends the request many times at once. It returns a winner's answer.
func (s *server) race(ctx context.Context, transport string, v variables, e exchange) (*answer, error) {
	m, err := prepare(e.Request, v.as(e.As))
	if err != nil {
		return nil, err
	}
	answers := make([]*answer, e.Race.Times)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() error {
			var err error
			answers[i], err = s.send(ctx, transport, m)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var errs []error
	var winner *answer
	winners := 0
	for _, one := range answers {
		want := e.Race.Losers
		if one.status == e.Response.Status {
			want = e.Response
			winner = one
			winners++
		}
		errs = append(errs, one.framing, s.checkInvariants(m, one), s.checkDocumented(ctx, m, one), checkResponse(m, one, want, v))
	}
	if winners != e.Race.Winners {
		errs = append(errs, fmt.Errorf("%d of %d were answered %d, want %d", winners, e.Race.Times, e.Response.Status, e.Race.Winners))
	}
	if winner == nil {
		return nil, errors.Join(errs...)
	}
	return winner, errors.Join(append(errs, capture(e.Response.Capture, winner, v))...)
}

// capture puts parts of an answer into variables.
func capture(wanted map[string]string, got *answer, v variables) error {
	for name, place := range wanted {
		var value string
		if field, ok := strings.CutPrefix(place, "header:"); ok {
			value = got.header.Get(field)
		} else {
			var content any
			if err := json.Unmarshal(got.body, &content); err != nil {
				return fmt.Errorf("capturing %s: %w", name, err)
			}
			found, ok := lookup(content, place)
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

// lookup follows a JSON pointer (RFC 6901).
func lookup(value any, pointer string) (any, bool) {
	if pointer == "" {
		return value, true
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch container := value.(type) {
		case map[string]any:
			inner, ok := container[part]
			if !ok {
				return nil, false
			}
			value = inner
		case []any:
			index := -1
			if _, err := fmt.Sscanf(part, "%d", &index); err != nil || index < 0 || index >= len(container) {
				return nil, false
			}
			value = container[index]
		default:
			return nil, false
		}
	}
	return value, true
}
