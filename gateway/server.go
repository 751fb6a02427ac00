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
)

// ErrStopNow is a cause (see [context.WithCancelCause]) for ending the context of
// [Gateway.Serve]: the stop begins without the drain delay.
var ErrStopNow = errors.New("stop without a drain delay")

// ErrGraceOver is what [Gateway.Serve] returns if requests were still running when the
// grace period ended. They were cut off.
var ErrGraceOver = errors.New("some requests did not finish within the grace period")

// The limits of every connection.
const (
	// headerTime is how long a header section may take to arrive, with the TLS handshake
	// if it is the connection's first.
	headerTime = 10 * time.Second
	// idleTime is how long a connection may be idle between two requests.
	idleTime = 2 * time.Minute
	// headerBytes is the size of a header section, with the target.
	headerBytes = 64 << 10
	// lastChance is how long a stop waits for one more request on each idle connection,
	// after the listener was closed. The response then says that the connection closes;
	// closing it at once would reset a request that is on its way.
	lastChance = 500 * time.Millisecond
	// quietTime is how long nothing runs before a stop closes the connections that are
	// neither idle nor busy, such as one that sent half a header section.
	quietTime = time.Second
)

// server is one call of [Gateway.Serve].
type server struct {
	*Gateway

	http    *http.Server
	closing atomic.Bool
	running atomic.Int64

	mu   sync.Mutex
	idle map[net.Conn]struct{}
}

func newServer(g *Gateway) *server {
	s := &server{Gateway: g, idle: map[net.Conn]struct{}{}}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	// Over TLS too net/http gets decrypted bytes, so that HTTP/2 begins by its preface.
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

// connContext is the parent of the contexts of a connection's requests.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if ours, ok := c.(*conn); ok {
		ctx, ours.leave = context.WithCancel(context.WithValue(ctx, connKey{}, ours))
	}
	return ctx
}

// connState follows which connections are idle.
func (s *server) connState(c net.Conn, state http.ConnState) {
	if ours, ok := c.(*conn); ok && state == http.StateIdle {
		ours.handled.Store(false)
		ours.fresh.Store(true)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateIdle || state == http.StateNew {
		s.idle[c] = struct{}{}
	} else {
		delete(s.idle, c)
	}
}

// handle is what net/http calls for each request.
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

// Serve serves HTTP/1.1 and HTTP/2 on a listener until ctx ends, and then stops; it closes the
// listener. It serves over TLS if the configuration has it, else in plain text (HTTP/2 by prior
// knowledge), with limits of time on every connection. It responds by the policy also where
// net/http would respond itself. The error is nil if all requests had finished.
//
// A stop has three steps. First requests are served as before, but each response closes its
// connection, and [Gateway.Draining] reports true. After DrainDelay the listener closes, and open
// streams end. Then running requests may finish within Grace. At the
// end Serve closes the backend.
func (g *Gateway) Serve(ctx context.Context, inner net.Listener) error {
	s := newServer(g)
	defer g.stop.endTransfers()
	defer g.stop.closeStreams() // also if the server has failed
	if g.config.TLS != nil {
		inner = tls.NewListener(inner, g.tlsConfig())
	}
	wrapped := listener{Listener: inner, gateway: g, sendTimeout: g.config.SendTimeout}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(wrapped) }()
	select {
	case <-ctx.Done():
	case err := <-served:
		return errors.Join(fmt.Errorf("serving HTTP: %w", err), s.http.Close())
	}
	g.drain(ctx)
	s.closing.Store(true)
	err := inner.Close()
	stopped := <-served
	g.stop.close(g.config.Grace)
	if g.config.OnClose != nil {
		g.config.OnClose()
	}
	err = errors.Join(unlessClosed("closing the listener", err), unlessClosed("serving HTTP", stopped), s.finish(ctx))
	if g.backend != nil {
		err = errors.Join(err, g.backend.Close())
	}
	return err
}

// unlessClosed says what failed, unless it is that the listener is closed.
func unlessClosed(what string, err error) error {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// tlsConfig offers HTTP/2, which net/http would add by itself if it saw the TLS connection.
func (g *Gateway) tlsConfig() *tls.Config {
	config := g.config.TLS.Clone()
	if len(config.NextProtos) == 0 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return config
}

// drain serves as before for the drain delay.
func (g *Gateway) drain(ctx context.Context) {
	g.stop.beginDrain()
	if g.config.OnDrain != nil {
		g.config.OnDrain()
	}
	if !errors.Is(context.Cause(ctx), ErrStopNow) {
		<-time.After(g.config.DrainDelay)
	}
}

// finish waits for the running requests, for at most the grace period, and closes every
// connection.
func (s *server) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Grace)
	defer cancel()
	s.awaitIdle(ctx)
	for {
		quiet := s.running.Load() == 0
		attempt, cancel := context.WithTimeout(ctx, quietTime)
		err := s.http.Shutdown(attempt)
		cancel()
		switch {
		case err == nil:
			return nil
		case quiet && s.running.Load() == 0:
			return s.http.Close() //nolint:wrapcheck // a connection that cannot be closed says which.
		case ctx.Err() != nil:
			return errors.Join(fmt.Errorf("%w of %s", ErrGraceOver, s.config.Grace), s.http.Close())
		}
	}
}

// awaitIdle gives the idle connections their last chance.
func (s *server) awaitIdle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastChance)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.countIdle() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) countIdle() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.idle)
}
