// Package memory counts requests in periods of fixed length, as the documented table
// describes an allowance, by any number of policies at once.
package memory

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/statusway/statusway/gateway/ratelimit"
)

// DefaultMaxKeys is how many keys a [Limiter] holds where [Params] do not say. A key takes
// about 300 octets and the length of the client's name, so that they stay below 50 MiB.
const DefaultMaxKeys = 100_000

// Error is a request that could not be counted.
type Error struct {
	// Policy is the name of the limit that failed.
	Policy string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("counting a request by the limit %s: %v", e.Policy, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// PolicyName is for those who do not know this type.
func (e *Error) PolicyName() string { return e.Policy }

// Params configure a [Limiter].
type Params struct {
	// Policies are the limits. Without any, nothing is counted.
	Policies []Policy
	// MaxKeys is how many keys are held: one for each policy and client or group that it
	// counts. 0 means [DefaultMaxKeys]. Beyond that the key that was used least recently
	// is forgotten, and its client has a whole allowance again.
	MaxKeys int
	// Logger gets one line when MaxKeys is reached for the first time. Nil logs nothing.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Limiter is a [ratelimit.Limiter] in memory. A period begins with a caller's first
// request and ends as a whole, so what is left only falls until then.
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
			p.Logger.Warn("the rate limit holds as many keys as it may, and forgets those used least recently", slog.Int("keys", maxKeys))
		}
	}
	return &Limiter{policies: p.Policies, maxKeys: maxKeys, windows: newWindows(maxKeys, now, full)}
}

// Take counts one request by every policy that holds for it. It never fails.
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

// Keys returns how many keys the limiter holds, how many it may hold, and how many it has
// forgotten before their period ended, because there were too many.
func (l *Limiter) Keys() (held, maxKeys int, forgotten uint64) {
	held, forgotten = l.windows.keys()
	return held, l.maxKeys, forgotten
}
