// Package memory is a rate limiter in memory. It counts requests in periods of fixed length, for any
// number of limits at the same time.
package memory

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/statusway/statusway/gateway/ratelimit"
)

// DefaultMaxKeys is the default of MaxKeys in [Params]. A key takes about 300 bytes plus the length
// of the client's name, so all keys together stay below 50 MiB.
const DefaultMaxKeys = 100_000

// Error is the error of a limit that could not count a request.
type Error struct {
	// Policy is the name of the limit that failed.
	Policy string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("counting a request by the limit %s: %v", e.Policy, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// PolicyName returns Policy. Package metrics uses it without importing this package.
func (e *Error) PolicyName() string { return e.Policy }

// Params configure a [Limiter].
type Params struct {
	// Policies are the limits. Without policies, the limiter counts nothing.
	Policies []Policy
	// MaxKeys is the maximum number of keys. Each policy has a key for each client or group that
	// it counts. 0 means [DefaultMaxKeys]. At the maximum, the limiter forgets the least recently
	// used key, and that client gets its full allowance again.
	MaxKeys int
	// Logger logs one line when MaxKeys is reached for the first time. Nil logs nothing.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Limiter is a [ratelimit.Limiter] in memory. A period begins with a caller's first request. At its
// end, the caller gets the full allowance again; it is a fixed window, not a sliding one.
type Limiter struct {
	policies []Policy
	maxKeys  int
	windows  *windows
}

var _ ratelimit.Limiter = (*Limiter)(nil)

// New returns a limiter.
func New(p Params) *Limiter {
	maxKeys := p.MaxKeys
	if maxKeys <= 0 {
		maxKeys = DefaultMaxKeys
	}
	now := p.Now
	if now == nil {
		now = time.Now
	}
	var full func()
	if p.Logger != nil {
		full = func() {
			p.Logger.Warn("the rate limiter has reached its maximum number of keys and forgets the least recently used ones", slog.Int("keys", maxKeys))
		}
	}
	return &Limiter{policies: p.Policies, maxKeys: maxKeys, windows: newWindows(maxKeys, now, full)}
}

// Take counts one request for every policy that applies to it. It never fails.
func (l *Limiter) Take(_ context.Context, use ratelimit.Use) (ratelimit.Allowance, error) {
	var allowance ratelimit.Allowance
	for i, policy := range l.policies {
		if policy.Method != "" && policy.Method != use.Method {
			continue
		}
		if policy.Per == PerCaller {
			allowance = append(allowance, l.take(i, use.Caller))
			continue
		}
		for _, group := range use.Groups {
			allowance = append(allowance, l.take(i, "group:"+group))
		}
	}
	return allowance, nil
}

func (l *Limiter) take(index int, subject string) ratelimit.Quota {
	policy := l.policies[index]
	count, left := l.windows.count(windowKey{index, subject}, policy.Period)
	return ratelimit.Quota{
		Policy:    policy.Name,
		Subject:   subject,
		Limit:     policy.Requests,
		Window:    policy.Period,
		Remaining: max(0, policy.Requests-count),
		Reset:     max(0, left),
		Exceeded:  count > policy.Requests,
	}
}

// Keys returns the current and the maximum number of keys, and how many keys the limiter has
// forgotten before the end of their period because there were too many.
func (l *Limiter) Keys() (held, maxKeys int, forgotten uint64) {
	held, forgotten = l.windows.keys()
	return held, l.maxKeys, forgotten
}
