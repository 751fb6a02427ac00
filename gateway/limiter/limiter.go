// Package limiter counts requests in periods of fixed length, as the documented table
// describes an allowance, by any number of policies at once.
package limiter

import (
	"context"
	"fmt"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/statusway/statusway/gateway/middleware"
)

// cleanUp is how often those are forgotten whose period is over.
const cleanUp = time.Minute

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

// Limiter is a [middleware.Limiter] in memory. A period begins with a caller's first
// request and ends all at once, so what is left only falls until then.
type Limiter struct {
	policies []Policy
	store    limiter.Store
}

var _ middleware.Limiter = (*Limiter)(nil)

// New returns a limiter by policies. Without any it counts nothing, and has no store.
func New(policies []Policy) *Limiter {
	if len(policies) == 0 {
		return &Limiter{} //nolint:exhaustruct // there is nothing to say.
	}
	return &Limiter{
		policies: policies,
		store:    memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: "rate", CleanUpInterval: cleanUp}),
	}
}

// Take counts one request by every policy that holds for it.
func (l *Limiter) Take(ctx context.Context, use middleware.Use) (middleware.Allowance, error) {
	var allowance middleware.Allowance
	for _, policy := range l.policies {
		if policy.Method != "" && policy.Method != use.Method {
			continue
		}
		for _, subject := range subjects(policy, use) {
			quota, err := l.take(ctx, policy, subject)
			if err != nil {
				return nil, err
			}
			allowance = append(allowance, quota)
		}
	}
	return allowance, nil
}

func subjects(policy Policy, use middleware.Use) []string {
	if policy.Per == PerCaller {
		return []string{use.Caller}
	}
	groups := make([]string, 0, len(use.Groups))
	for _, group := range use.Groups {
		groups = append(groups, "group:"+group)
	}
	return groups
}

func (l *Limiter) take(ctx context.Context, policy Policy, subject string) (middleware.Quota, error) {
	state, err := l.store.Get(ctx, policy.Name+"|"+subject, limiter.Rate{Limit: int64(policy.Requests), Period: policy.Period})
	if err != nil {
		return middleware.Quota{}, &Error{Policy: policy.Name, Err: err}
	}
	return middleware.Quota{
		Policy:    policy.Name,
		Subject:   subject,
		Limit:     policy.Requests,
		Window:    policy.Period,
		Remaining: int(state.Remaining),
		// The library cuts the end of the period to a whole second. A second more is
		// always enough; the whole period is too.
		Reset:    max(0, min(policy.Period, time.Until(time.Unix(state.Reset+1, 0)))),
		Exceeded: state.Reached,
	}, nil
}
