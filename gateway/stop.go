package gateway

import (
	"context"
	"time"

	"github.com/statusway/statusway/gateway/internal/rules"
)

// stop is the progress of a stop. Each context ends when an event happens.
type stop struct {
	draining, closing, ending              context.Context //nolint:containedctx // each is an event.
	beginDrain, closeStreams, endTransfers context.CancelFunc
}

func newStop() *stop {
	s := &stop{}
	s.draining, s.beginDrain = context.WithCancel(context.Background())
	s.closing, s.closeStreams = context.WithCancel(context.Background())
	s.ending, s.endTransfers = context.WithCancel(context.Background())
	return s
}

// streams returns when open streams end.
func (s *stop) streams() rules.Stop {
	at := func(event context.Context) func(func()) func() bool {
		return func(end func()) func() bool { return context.AfterFunc(event, end) }
	}
	return rules.Stop{Streams: at(s.closing), Transfers: at(s.ending)}
}

// close ends streams now, and transfers after three quarters of the grace period. So a stop does
// not wait longer for a transfer that never ends. If the grace period has no limit, transfers go on.
func (s *stop) close(grace time.Duration) {
	s.closeStreams()
	if grace > 0 {
		time.AfterFunc(grace*3/4, s.endTransfers)
	}
}

// Draining reports whether a stop has begun, so that a readiness check can fail.
func (g *Gateway) Draining() bool { return g.stop.draining.Err() != nil }

// EndStreams begins a stop if you do not use [Gateway.Serve]: [Gateway.Draining] reports true and
// open streams get their last frame. Pass it to [http.Server.RegisterOnShutdown].
func (g *Gateway) EndStreams() {
	g.stop.beginDrain()
	g.stop.close(g.config.Grace)
}
