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
// [Server.Serve]: the stop begins without the drain delay.
var ErrStopNow = errors.New("stop without a drain delay")

// ErrGraceOver is what [Server.Serve] returns if requests were still running when the
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

// ServerParams configure a [Server].
type ServerParams struct {
	// Gateway writes the responses that net/http would otherwise write itself. Required.
	Gateway *Gateway
	// Handler serves the requests. Nil means Gateway.
	Handler http.Handler
	// TLS is the server's configuration, with a certificate. Nil means plain text.
	TLS *tls.Config
	// SendTimeout is how long a connection may take no byte of a response. 0 means for
	// ever.
	SendTimeout time.Duration
	// DrainDelay is how long a stop serves requests as before, so that load balancers see
	// that the server is not ready and send their requests elsewhere.
	DrainDelay time.Duration
	// Grace is how long running requests may take to finish, once the listener is closed.
	Grace time.Duration
	// OnDrain is called when a stop begins, OnClose when the listener has been closed:
	// open streams are to end then. Each may be nil.
	OnDrain, OnClose func()
	// Logger gets, at the level debug, what net/http reports of connections. Nil discards it.
	Logger *slog.Logger
}

// Server serves HTTP/1.1 and HTTP/2, over TLS or in plain text (by prior knowledge), with
// limits of time on every connection. It responds by the gateway's policy also where
// net/http would respond itself.
//
// A stop has three steps. First requests are served as before, but each response closes
// its connection, and OnDrain makes readiness checks fail. After DrainDelay the listener
// closes, and OnClose ends open streams. Then running requests may finish within Grace.
type Server struct {
	params   ServerParams
	http     *http.Server
	draining atomic.Bool
	closing  atomic.Bool
	running  atomic.Int64

	mu   sync.Mutex
	idle map[net.Conn]struct{}
}

// NewServer returns a server.
func NewServer(p ServerParams) *Server {
	if p.Handler == nil {
		p.Handler = p.Gateway
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{params: p, idle: map[net.Conn]struct{}{}}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	// Over TLS too net/http gets decrypted bytes, so that HTTP/2 begins by its preface.
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:                      s,
		DisableGeneralOptionsHandler: true, // The gateway responds to OPTIONS *.
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               headerBytes,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{WriteByteTimeout: p.SendTimeout},
		ErrorLog:                     slog.NewLogLogger(p.Logger.Handler(), slog.LevelDebug),
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
func (s *Server) connState(c net.Conn, state http.ConnState) {
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

// ServeHTTP is what net/http calls for each request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Add(-1)
	if c := connOf(r.Context()); c != nil {
		c.handled.Store(true)
		r.TLS = c.tlsState()
	}
	if s.draining.Load() {
		w.Header().Set("Connection", "close") // On HTTP/2, net/http sends GOAWAY instead.
	}
	s.params.Handler.ServeHTTP(w, r)
}

// Serve serves the listener's connections until ctx ends, and then stops. It closes the
// listener. The error is nil if all requests had finished.
func (s *Server) Serve(ctx context.Context, inner net.Listener) error {
	if s.params.TLS != nil {
		inner = tls.NewListener(inner, s.tlsConfig())
	}
	wrapped := listener{Listener: inner, gateway: s.params.Gateway, sendTimeout: s.params.SendTimeout}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(wrapped) }()
	select {
	case <-ctx.Done():
	case err := <-served:
		return errors.Join(fmt.Errorf("serving HTTP: %w", err), s.http.Close())
	}
	s.drain(ctx)
	s.closing.Store(true)
	err := inner.Close()
	stopped := <-served
	if s.params.OnClose != nil {
		s.params.OnClose()
	}
	return errors.Join(unlessClosed("closing the listener", err), unlessClosed("serving HTTP", stopped), s.finish(ctx))
}

// unlessClosed says what failed, unless it is that the listener is closed.
func unlessClosed(what string, err error) error {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// tlsConfig offers HTTP/2, which net/http would add by itself if it saw the TLS connection.
func (s *Server) tlsConfig() *tls.Config {
	config := s.params.TLS.Clone()
	if len(config.NextProtos) == 0 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return config
}

// drain serves as before for the drain delay.
func (s *Server) drain(ctx context.Context) {
	s.draining.Store(true)
	if s.params.OnDrain != nil {
		s.params.OnDrain()
	}
	if !errors.Is(context.Cause(ctx), ErrStopNow) {
		<-time.After(s.params.DrainDelay)
	}
}

// finish waits for the running requests, for at most the grace period, and closes every
// connection.
func (s *Server) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.params.Grace)
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
			return errors.Join(fmt.Errorf("%w of %s", ErrGraceOver, s.params.Grace), s.http.Close())
		}
	}
}

// awaitIdle gives the idle connections their last chance.
func (s *Server) awaitIdle(ctx context.Context) {
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

func (s *Server) countIdle() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.idle)
}

// Close cuts every connection off.
func (s *Server) Close() error {
	return s.http.Close() //nolint:wrapcheck // as above.
}
