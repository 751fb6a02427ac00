package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
)

// stoppable is a server that a test stops itself.
type stoppable struct {
	address string
	stop    context.CancelCauseFunc
	done    chan error
	// drained and closed are closed by OnDrain and OnClose.
	drained, closed chan struct{}
}

// serveStoppable serves a gateway; f is of configure.
func serveStoppable(tb testing.TB, c gateway.Config, f *front) *stoppable {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &stoppable{address: listener.Addr().String(), done: make(chan error, 1), drained: make(chan struct{}), closed: make(chan struct{})}
	c.OnDrain, c.OnClose = func() { close(s.drained) }, func() { close(s.closed) }
	ctx, stop := context.WithCancelCause(context.WithoutCancel(tb.Context()))
	s.stop = stop
	build(tb, c, f)
	go func() { s.done <- f.gateway.Serve(ctx, listener) }()
	tb.Cleanup(func() { stop(nil) })
	return s
}

// wait fails the test if the event does not happen.
func wait[T any](tb testing.TB, event <-chan T, what string) T {
	tb.Helper()
	select {
	case value := <-event:
		return value
	case <-time.After(30 * time.Second):
		tb.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// While the stop waits for load balancers everything is served as before, but no
// connection stays. Then nobody can connect.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	for name, transport := range transports() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			c.DrainDelay, c.Grace = 500*time.Millisecond, 10*time.Second
			scheme, trust := "http://", c.TLS
			if transport.secure {
				c.TLS, trust = secret(t)
				scheme = "https://"
			}
			s := serveStoppable(t, c, f)
			client := dialer(t, s.address, trust, transport.http2, scheme)
			before := client.get(t, "/v1/entities/e1")
			_ = before.Body.Close()
			if before.StatusCode != http.StatusOK || before.Close {
				t.Fatalf("before: %d, %v", before.StatusCode, before.Header)
			}
			s.stop(nil)
			wait(t, s.drained, "the stop")
			select {
			case <-s.closed:
				t.Fatal("the listener closed without a delay")
			default:
			}
			response := client.get(t, "/v1/entities/e1")
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || response.Close == transport.http2 {
				t.Errorf("while draining: %d, %v", response.StatusCode, response.Header)
			}
			wait(t, s.closed, "closing the listener")
			if conn, err := dialTCP(t, s.address); err == nil {
				_ = conn.Close()
				t.Error("a connection is accepted after the listener closed")
			}
			if err := wait(t, s.done, "the end"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Requests on keep-alive connections all get their response, whenever the stop begins.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{"with a delay": nil, "at once": gateway.ErrStopNow} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			c.DrainDelay, c.Grace = 300*time.Millisecond, 10*time.Second
			s := serveStoppable(t, c, f)
			var served atomic.Int64
			var load sync.WaitGroup
			for range 20 {
				load.Go(func() { served.Add(keepAsking(t, s.address)) })
			}
			time.Sleep(200 * time.Millisecond)
			s.stop(cause)
			if err := wait(t, s.done, "the end"); err != nil {
				t.Error(err)
			}
			load.Wait()
			if served.Load() < 20 {
				t.Errorf("only %d requests were served", served.Load())
			}
		})
	}
}

// keepAsking sends requests on one connection, and on another one whenever the server
// closes it by Connection: close, until it cannot connect. It returns how many were served.
func keepAsking(t *testing.T, address string) int64 {
	t.Helper()
	var served int64
	for {
		conn, err := dialTCP(t, address)
		if err != nil {
			return served
		}
		w := &wire{Conn: conn, reader: bufio.NewReader(conn)}
		for first := true; ; first = false {
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			_, err := io.WriteString(conn, get("/v1/entities/e1"))
			var response *http.Response
			if err == nil {
				response, err = http.ReadResponse(w.reader, nil)
			}
			if err != nil {
				// A connection that was in the kernel's queue when the listener closed.
				if !first {
					t.Errorf("after %d requests: %v", served, err)
				}
				break
			}
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK {
				t.Errorf("after %d requests: %d, %v", served, response.StatusCode, err)
			}
			served++
			if response.Close {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = conn.Close()
	}
}

// A request that runs when the listener closes gets its response. One that outlasts the
// grace period is cut, and Serve says so.
func TestGrace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		grace time.Duration
		want  error
	}{"enough": {30 * time.Second, nil}, "no limit": {-1, nil}, "too short": {200 * time.Millisecond, gateway.ErrGraceOver}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			begun, release := make(chan struct{}), make(chan struct{})
			c.Grace, c.Around = test.grace, func(handler http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					close(begun)
					select {
					case <-release:
					case <-r.Context().Done():
					}
					handler.ServeHTTP(w, r)
				})
			}
			s := serveStoppable(t, c, f)
			status := make(chan int, 1)
			go func() {
				response, err := getEntity(t, s.address)
				if err != nil {
					status <- 0
					return
				}
				_ = response.Body.Close()
				status <- response.StatusCode
			}()
			wait(t, begun, "the request")
			s.stop(nil)
			wait(t, s.closed, "closing the listener")
			if test.want == nil {
				close(release)
			}
			if err := wait(t, s.done, "the end"); !errors.Is(err, test.want) {
				t.Errorf("Serve() = %v, want %v", err, test.want)
			}
			if got := wait(t, status, "the response"); (got == http.StatusOK) != (test.want == nil) {
				t.Errorf("the request got %d", got)
			}
		})
	}
}

// A client whose response began before the stop, and so does not close the connection, can send one more request.
func TestStopAfterHeaders(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	begun, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	c.Around = func(handler http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r)
			first.Do(func() {
				_ = http.NewResponseController(w).Flush()
				close(begun)
				<-release
			})
		})
	}
	s := serveStoppable(t, c, f)
	client := dialer(t, s.address, nil, false, "http://")
	before := client.get(t, "/v1/entities/e1")
	wait(t, begun, "the response")
	s.stop(gateway.ErrStopNow)
	wait(t, s.closed, "closing the listener")
	close(release)
	if _, err := io.Copy(io.Discard, before.Body); err != nil || before.Close {
		t.Fatalf("before: %v, %v", before.Header, err)
	}
	_ = before.Body.Close()
	time.Sleep(50 * time.Millisecond)
	after := client.get(t, "/v1/entities/e2")
	_ = after.Body.Close()
	if after.StatusCode != http.StatusOK || !after.Close {
		t.Errorf("after: %d, %v", after.StatusCode, after.Header)
	}
	if err := wait(t, s.done, "the end"); err != nil {
		t.Error(err)
	}
}

// brokenListener is a listener that fails.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("broken") }

// If the listener fails, Serve ends, and closes the same as after a stop.
func TestListenerFails(t *testing.T) {
	t.Parallel()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, f := configure(t, policy.Documented)
	closed := false
	c.OnClose = func() { closed = true }
	build(t, c, f)
	if err := f.gateway.Serve(t.Context(), brokenListener{inner}); err == nil || !strings.Contains(err.Error(), "broken") || !closed {
		t.Errorf("%v, closed %t", err, closed)
	}
}

// A connection with half a header section does not delay the stop.
func TestStopWithASilentConnection(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.Grace = 20 * time.Second
	s := serveStoppable(t, c, f)
	conn, err := dialTCP(t, s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /v1/entities HTTP/1.1\r\nHo"); err != nil {
		t.Fatal(err)
	}
	response, err := getEntity(t, s.address) // The server has accepted the one before.
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	s.stop(nil)
	begun := time.Now()
	if err := wait(t, s.done, "the end"); err != nil || time.Since(begun) > 15*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}

// A client that reads nothing loses its connection after the send timeout, on every
// transport, and the handler ends.
func TestStalledConnection(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	over := make(chan struct{})
	c.SendTimeout, c.Around = 300*time.Millisecond, instead(func(w http.ResponseWriter, _ *http.Request) {
		defer close(over)
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	s := serveStoppable(t, c, f)
	conn, err := dialTCP(t, s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, get("/")); err != nil {
		t.Fatal(err)
	}
	wait(t, over, "the end of the handler")
}

func dialTCP(tb testing.TB, address string) (net.Conn, error) {
	tb.Helper()
	return (&net.Dialer{}).DialContext(context.WithoutCancel(tb.Context()), "tcp", address)
}

// getEntity sends a request on a connection of its own.
func getEntity(tb testing.TB, address string) (*http.Response, error) {
	tb.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodGet, "http://"+address+"/v1/entities/e1", nil)
	if err != nil {
		return nil, err
	}
	request.Close = true
	return http.DefaultClient.Do(request)
}
