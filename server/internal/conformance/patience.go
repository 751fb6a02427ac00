package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/statusway/statusway/gateway/policy"
)

// ErrTurnedAway reports that the server's own rate limit refuses a request.
var ErrTurnedAway = errors.New("the server's rate limit turns requests away")

// Ask sends a request. If the server's own rate limit refuses it, Ask sends it again when
// Retry-After allows that: the server has not processed it (RFC 6585 §4). want is the
// expected response, which may be a 429.
func (c *Client) Ask(ctx context.Context, transport string, m *Message, want Response) (*Answer, error) {
	for began := time.Now(); ; {
		got, err := c.Send(ctx, transport, m)
		if err != nil || c.params.Patience == 0 || !isTurnedAway(m, got, want) {
			return got, err
		}
		seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
		wait := time.Duration(seconds) * time.Second
		if err != nil || time.Since(began)+wait > c.params.Patience {
			return nil, fmt.Errorf("%w, and Retry-After is %q", ErrTurnedAway, got.Header.Get("Retry-After"))
		}
		if c.params.Waiting != nil {
			c.params.Waiting(wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// isTurnedAway reports whether a response is an unexpected 429 of the server's own rate
// limit, by its reason. The response to HEAD has no reason.
func isTurnedAway(m *Message, got *Answer, want Response) bool {
	if got.Status != http.StatusTooManyRequests {
		return false
	}
	if m.Method == http.MethodHead {
		return want.Status != http.StatusTooManyRequests && got.Header.Get("Retry-After") != ""
	}
	var said ProblemBody
	if err := json.Unmarshal(got.Body, &said); err != nil {
		return false
	}
	return said.Domain == policy.Domain && said.Reason == policy.ReasonRateLimited && (want.Problem == nil || want.Problem.Reason != said.Reason)
}
