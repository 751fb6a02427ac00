package app

import (
	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/statusway/statusway/gateway"
)

// leastInFlight is how many requests are always served at once: below it a burst after
// a quiet time would be shed by a limit that has adapted to the quiet.
const leastInFlight = 64

// shedder adapts the number of requests that are served at once to how long they
// take: where more of them make each slower, fewer are taken.
type shedder struct {
	limiter adaptivelimiter.AdaptiveLimiter[any]
}

// newShedder returns a shedder that takes at most so many requests, or nil for 0.
func newShedder(most int) *shedder {
	if most == 0 {
		return nil
	}
	limit, least := uint(most), uint(min(most, leastInFlight))
	return &shedder{limiter: adaptivelimiter.NewBuilder[any]().WithLimits(least, limit, limit).Build()}
}

var _ gateway.Shedder = (*shedder)(nil)

// running is how many calls hold a slot.
func (s *shedder) running() int { return s.limiter.Inflight() }

// Admit implements gateway.Shedder.
func (s *shedder) Admit() (func(measured bool), bool) {
	permit, ok := s.limiter.TryAcquirePermit()
	if !ok {
		return nil, false
	}
	return func(measured bool) {
		if measured {
			permit.Record()
		} else {
			permit.Drop()
		}
	}, true
}
