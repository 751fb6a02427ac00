package rules

import (
	"sync/atomic"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// A slot is the right to keep the server busy. There are two kinds.
//
// A call of one request and one response holds a slot of the [Shedder] from the moment that
// its body has arrived until its response is complete in memory: decided and encoded. It
// holds none while its body arrives, nor while its response waits for the client to read
// it. So a client that sends or reads slowly takes nothing from the others but memory, which
// has bounds of its own: [BodyLimits] and [respond.Params].
//
// A call that streams in either direction holds a slot of [Streams] from the same moment
// until it is over, because nothing else says when it is busy. It gives the slot back while
// it is blocked on writing to its client. The body of a client stream arrives while the slot
// is held.
//
// Pages, routes that Spare names, and requests that an earlier rule refuses hold no slot.

// Shedder decides how many calls that do not stream are served at once.
type Shedder interface {
	// Admit takes a request, or is false where the server is at its limit. The caller
	// calls done when the response is complete; measured says that the time it took tells
	// something of the server's load, which that of a request that asked to wait does not.
	Admit() (done func(measured bool), ok bool)
}

// NewSlots returns a Shedder of so many slots, or nil for 0: then any number of calls is served.
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
	// release gives a slot back. It is made once, because it is used for every request.
	release func(bool)
}

func (s *slots) Admit() (func(bool), bool) {
	if s.taken.Add(1) > s.limit {
		s.taken.Add(-1)
		return nil, false
	}
	return s.release, true
}

// Streams bounds how many streams run at once, for any number of gateways together. It is
// safe for concurrent use.
type Streams struct {
	limit   int64
	running atomic.Int64
}

var _ exchange.Slot = (*Streams)(nil)

// NewStreams returns slots for so many streams; 0 means any number.
func NewStreams(limit int) *Streams { return &Streams{limit: int64(limit)} }

// Running is how many streams hold a slot.
func (s *Streams) Running() int { return int(s.running.Load()) }

// Admit takes a slot if there is one. The caller gives it back by Pause.
func (s *Streams) Admit() bool {
	if s.running.Add(1) > s.limit && s.limit > 0 {
		s.running.Add(-1)
		return false
	}
	return true
}

// Pause gives a slot back.
func (s *Streams) Pause() { s.running.Add(-1) }

// Resume takes the slot again. It never fails: the stream has begun, and more streams than
// slots for a moment do less harm than one that is cut.
func (s *Streams) Resume() { s.running.Add(1) }

// OverloadParams configure [Overload].
type OverloadParams struct {
	// Shedder has the slots of calls that do not stream. Nil means any number.
	Shedder Shedder
	// Streams has the slots of those that do. Nil means any number.
	Streams *Streams
	// Spare names the routes that need no slot: the way in for operators who have to mend
	// the server. Nil names none.
	Spare func(*contract.Binding) bool
}

// Overload refuses requests for which there is no slot, before memory or latency runs away.
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
