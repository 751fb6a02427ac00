package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/middleware"
)

// stop is how far a stop of the servers has come.
type stop struct {
	// draining ends when the stop begins, closing when the REST listener has been closed,
	// and ending when whatever has no end of its own is cut.
	draining, closing, ending        context.Context //nolint:containedctx // each is an event.
	drain, closeStreams, endTransfer context.CancelFunc
	// onDrain is called when the stop begins; nil for nothing.
	onDrain func()
}

func newStop() *stop {
	s := &stop{}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.closing, s.closeStreams = context.WithCancel(context.Background())
	s.ending, s.endTransfer = context.WithCancel(context.Background())
	return s
}

// streams says when the gateway ends open streams.
func (s *stop) streams() middleware.Stop {
	at := func(event context.Context) func(func()) func() bool {
		return func(end func()) func() bool { return context.AfterFunc(event, end) }
	}
	return middleware.Stop{Streams: at(s.closing), Transfers: at(s.ending)}
}

func (s *stop) begin() {
	s.drain()
	if s.onDrain != nil {
		s.onDrain()
	}
}

// attach makes the server. handler is front, or what chooses between front and its
// successors.
func (r *rest) attach(front *gateway.Gateway, handler http.Handler) error {
	p := r.serverParams(front, handler)
	p.OnDrain = r.stop.begin
	p.OnClose = func() {
		r.stop.closeStreams()
		// Three quarters of the grace period, so that a stop with a transfer that never
		// ends still goes by plan.
		time.AfterFunc(r.config.Grace*3/4, r.stop.endTransfer)
	}
	if r.config.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(r.config.TLSCert, r.config.TLSKey)
		if err != nil {
			return fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		p.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	}
	r.server = gateway.NewServer(p)
	return nil
}

// serverParams are those of every server of the program.
func (r *rest) serverParams(front *gateway.Gateway, handler http.Handler) gateway.ServerParams {
	return gateway.ServerParams{
		Gateway: front, Handler: handler, TLS: nil,
		SendTimeout: r.config.SendTimeout, DrainDelay: r.config.DrainDelay, Grace: r.config.Grace,
		OnDrain: nil, OnClose: nil,
		Logger: r.logger,
	}
}

// serve serves until ctx ends and the stop is over. /metrics is served to the end.
func (r *rest) serve(ctx context.Context) error {
	defer r.stop.endTransfer()
	defer r.stop.closeStreams() // also where the server has failed
	err := r.server.Serve(ctx, r.listener)
	return errors.Join(err, r.metrics.close())
}
