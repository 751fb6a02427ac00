package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statusway/statusway/gateway/internal/rules"
)

// ErrStopNow stops [Gateway.Serve] without the drain delay. Use it as the cause when you cancel
// the context of Serve (see [context.WithCancelCause]).
var ErrStopNow = errors.New("stop without a drain delay")

// ErrGraceOver is returned by [Gateway.Serve] if the grace period ended before all requests
// finished. Serve has closed their connections.
var ErrGraceOver = errors.New("some requests did not finish within the grace period")

// The limits of every connection.
const (
	// headerTime is the maximum time for a header section to arrive. For the first request of a
	// connection it includes the TLS handshake.
	headerTime = 10 * time.Second
	// idleTime is how long a connection may be idle between two requests.
	idleTime = 2 * time.Minute
	// headerBytes is the maximum size of a header section that net/http reads, which bounds its memory.
	// It is well above the gateway's own limit, because net/http closes an HTTP/2 connection at this
	// one, and the gateway responds at its own (see [rules.Framing]).
	headerBytes = 4 * rules.MaxHeader
	// lastChance is how long a stop waits, after the listener was closed, for one more request on
	// each open connection. The response to that request closes the connection. Closing idle
	// connections at once would reset a request that is on its way.
	lastChance = 500 * time.Millisecond
	// quietTime is how long no request may run before a stop closes the connections that are
	// neither idle nor busy, for example after half a header section.
	quietTime = time.Second
)

// server is one call of [Gateway.Serve].
type server struct {
	*Gateway

	http    *http.Server
	closing atomic.Bool
	running atomic.Int64

	mu sync.Mutex
	// open are the connections on which a client may send another request: those of HTTP/1.1, and
	// those of HTTP/2 without a request.
	open map[net.Conn]struct{}
}

func newServer(g *Gateway) *server {
	s := &server{Gateway: g, open: map[net.Conn]struct{}{}}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	// Also with TLS, net/http gets decrypted bytes, so it detects HTTP/2 by the preface.
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.handle),
		DisableGeneralOptionsHandler: true, // The gateway responds to OPTIONS *.
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               headerBytes,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{WriteByteTimeout: g.config.SendTimeout},
		ErrorLog:                     slog.NewLogLogger(g.config.Logger.Handler(), slog.LevelDebug),
		ConnContext:                  connContext,
		ConnState:                    s.connState,
	}
	return s
}

// connContext returns the parent context of all requests of a connection.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if ours, ok := c.(*conn); ok {
		ctx, ours.leave = context.WithCancel(context.WithValue(ctx, connKey{}, ours))
	}
	return ctx
}

// connState keeps track of the open connections. A running request of HTTP/1.1 may have begun before
// the stop, so that its response does not close the connection. On HTTP/2, the first request after
// the beginning of the stop makes net/http tell the client to send no more.
func (s *server) connState(c net.Conn, state http.ConnState) {
	ours, ok := c.(*conn)
	if ok && state == http.StateIdle {
		ours.handled.Store(false)
		ours.fresh.Store(true)
	}
	isOpen := state == http.StateNew || state == http.StateIdle || state == http.StateActive && ok && !ours.http2.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	if isOpen {
		s.open[c] = struct{}{}
	} else {
		delete(s.open, c)
	}
}

// handle is the handler that net/http calls for each request.
func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Add(-1)
	if c := connOf(r.Context()); c != nil {
		c.handled.Store(true)
		r.TLS = c.tlsState()
	}
	if s.Draining() {
		w.Header().Set("Connection", "close") // On HTTP/2, net/http sends GOAWAY instead.
	}
	s.ServeHTTP(w, r)
}

// Serve serves HTTP/1.1 and HTTP/2 on a listener until ctx ends. It uses TLS if the configuration
// sets it, else plain text with HTTP/2 by prior knowledge. Every connection has time limits. Serve
// also replaces the errors that net/http would send itself by responses of the policy. It closes
// the listener. The error is nil if all requests finished.
//
// A stop takes three steps. First Serve goes on as before, but each response closes its
// connection, and [Gateway.Draining] reports true. After DrainDelay, Serve closes the listener and
// ends open streams. Running requests may then finish within Grace. At the end Serve closes the
// backend.
func (g *Gateway) Serve(ctx context.Context, inner net.Listener) error {
	s := newServer(g)
	defer g.stop.endTransfers()
	defer g.stop.closeStreams() // also if the server fails
	if g.config.TLS != nil {
		inner = tls.NewListener(inner, g.tlsConfig())
	}
	wrapped := listener{Listener: inner, gateway: g}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(wrapped) }()
	select {
	case <-ctx.Done():
	case err := <-served: // The listener has failed.
		if g.config.OnClose != nil {
			g.config.OnClose()
		}
		return errors.Join(fmt.Errorf("serving HTTP: %w", err), s.http.Close(), g.closeBackend())
	}
	g.drain(ctx)
	s.closing.Store(true)
	err := inner.Close()
	stopped := <-served
	g.stop.close(g.config.Grace)
	if g.config.OnClose != nil {
		g.config.OnClose()
	}
	return errors.Join(unlessClosed("closing the listener", err), unlessClosed("serving HTTP", stopped), s.shutdown(ctx), g.closeBackend())
}

func (g *Gateway) closeBackend() error {
	if g.backend == nil {
		return nil
	}
	return g.backend.Close()
}

// unlessClosed wraps err, except if err says that the listener is closed.
func unlessClosed(what string, err error) error {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// tlsConfig adds HTTP/2 to the protocols. net/http cannot add it, because it does not see the TLS
// connection.
func (g *Gateway) tlsConfig() *tls.Config {
	config := g.config.TLS.Clone()
	if len(config.NextProtos) == 0 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return config
}

// drain begins a stop and waits for the drain delay, while the server goes on to serve.
func (g *Gateway) drain(ctx context.Context) {
	g.stop.beginDrain()
	if g.config.OnDrain != nil {
		g.config.OnDrain()
	}
	if !errors.Is(context.Cause(ctx), ErrStopNow) {
		<-time.After(g.config.DrainDelay)
	}
}

// shutdown waits at most the grace period for the running requests, and closes every connection.
func (s *server) shutdown(ctx context.Context) error {
	ctx, cancel := withLimit(context.WithoutCancel(ctx), s.config.Grace)
	defer cancel()
	s.awaitLastRequests(ctx)
	for {
		quiet := s.running.Load() == 0
		attempt, cancel := context.WithTimeout(ctx, quietTime)
		err := s.http.Shutdown(attempt)
		cancel()
		switch {
		case err == nil:
			return nil
		case quiet && s.running.Load() == 0:
			return s.http.Close() //nolint:wrapcheck // the error names the connection.
		case ctx.Err() != nil:
			return errors.Join(fmt.Errorf("%w of %s", ErrGraceOver, s.config.Grace), s.http.Close())
		}
	}
}

// withLimit is [context.WithTimeout] with a limit whose 0 means no limit.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// awaitLastRequests waits, for at most lastChance, until no connection is open.
func (s *server) awaitLastRequests(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastChance)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.countOpen() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) countOpen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
