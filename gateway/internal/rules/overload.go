package rules

import (
	"sync/atomic"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// A slot is the permission to use the server. There are two kinds.
//
// A unary call holds a slot of the [Shedder] from the time when its body has arrived until its
// response is complete in memory. It holds no slot while its body arrives or while its client reads
// the response. So a slow client uses only memory, which has its own limits: [BodyLimits] and
// [respond.Params].
//
// A streaming call holds a slot of [Streams] from the same time until its end, because the gateway
// cannot tell when it is busy. It gives the slot back while it waits for its client to read. The body
// of a client stream arrives while the call holds the slot.
//
// Pages, routes that Spare lists, and requests that an earlier rule refuses hold no slot.

// Shedder limits the concurrent calls without streaming.
type Shedder interface {
	// Admit admits a request, or returns false if the server is at its limit. The caller calls
	// done when the response is complete. measured reports whether the duration of the call is a
	// measure of the server's load; it is false for a request that asked to wait.
	Admit() (done func(measured bool), ok bool)
}

// NewSlots returns a Shedder with a fixed number of slots, or nil, which means no limit, for 0.
func NewSlots(limit int) Shedder {
	if limit == 0 {
		return nil
	}
	s := &slots{limit: int64(limit)}
	s.release = func(bool) { s.taken.Add(-1) }
	return s
}

type slots struct {
	limit int64
	taken atomic.Int64
	// release gives a slot back. One function for all requests saves allocations.
	release func(bool)
}

func (s *slots) Admit() (func(bool), bool) {
	if s.taken.Add(1) > s.limit {
		s.taken.Add(-1)
		return nil, false
	}
	return s.release, true
}

// Streams limits the concurrent streams. It is safe for concurrent use.
type Streams struct {
	limit   int64
	running atomic.Int64
}

var _ exchange.Slot = (*Streams)(nil)

// NewStreams returns a limit for streams; 0 means no limit.
func NewStreams(limit int) *Streams { return &Streams{limit: int64(limit)} }

// Running returns the number of streams that hold a slot.
func (s *Streams) Running() int { return int(s.running.Load()) }

// Admit takes a slot if there is one. Call Pause to give it back.
func (s *Streams) Admit() bool {
	if s.running.Add(1) > s.limit && s.limit > 0 {
		s.running.Add(-1)
		return false
	}
	return true
}

// Pause gives a slot back.
func (s *Streams) Pause() { s.running.Add(-1) }

// Resume takes the slot again. It never fails: it is better to exceed the limit for a moment than to
// cut a stream off.
func (s *Streams) Resume() { s.running.Add(1) }

// OverloadParams configure [Overload].
type OverloadParams struct {
	// Shedder limits the calls without streaming. Nil means no limit.
	Shedder Shedder
	// Streams limits the calls with streaming. Nil means no limit.
	Streams *Streams
	// Spare reports whether a route needs no slot, so that operators can still reach a full
	// server. With nil, every route needs a slot.
	Spare func(*contract.Binding) bool
}

// Overload refuses requests if there is no free slot, before memory or latency grows too far.
func Overload(p OverloadParams, next Rule) Rule {
	return func(ex *exchange.Exchange) error {
		streams := ex.Binding.Method.ServerStreams || ex.Binding.Method.ClientStreams
		switch {
		case p.Spare != nil && p.Spare(ex.Binding):
		case streams && p.Streams != nil:
			if !p.Streams.Admit() {
				return overloaded(ex, "the server has more streams than it can serve")
			}
			ex.Slot = p.Streams
			defer p.Streams.Pause()
		case !streams && p.Shedder != nil:
			done, ok := p.Shedder.Admit()
			if !ok {
				return overloaded(ex, "the server has more requests than it can serve")
			}
			// A request that asked to wait takes as long as it asked for.
			defer done(ex.Prefer.Wait == 0)
		}
		return next(ex)
	}
}

func overloaded(ex *exchange.Exchange, message string) error {
	ex.Shed = true
	return respond.Fail(policy.ReasonOverloaded, message)
}
