package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
)

// net/http answers some requests itself, before any handler: an Expect that it does
// not know, a header section that it cannot read or that is too large. These answers
// are bare text, or empty, with statuses that the policy may not have. It writes
// each as one whole write on a connection that it then closes, so a connection that
// knows whether a handler is at work can put the documented answer in its place.

// Attach makes server answer every HTTP/1.1 request by the policy, also those that
// net/http does not pass to a handler. The server is then served with
// [Gateway.Listener]. Over TLS net/http sees the bytes before we do, and its own
// answers stay.
func (g *Gateway) Attach(server *http.Server) {
	server.Handler = g
	server.DisableGeneralOptionsHandler = true // OPTIONS * is answered like the rest.
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if watched, ok := conn.(*watchedConn); ok && state == http.StateIdle {
			watched.owned.Store(false)
			watched.fresh.Store(true)
		}
	}
}

// Listener wraps the listener that a server given to [Gateway.Attach] serves.
func (g *Gateway) Listener(inner net.Listener) net.Listener {
	return listener{Listener: inner, gateway: g}
}

type connKey struct{}

// own notes that a handler has the connection's current request.
func own(ctx context.Context) {
	if conn, ok := ctx.Value(connKey{}).(*watchedConn); ok {
		conn.owned.Store(true)
	}
}

type listener struct {
	net.Listener

	gateway *Gateway
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks for temporary errors and net.ErrClosed.
	}
	watched := &watchedConn{Conn: conn, gateway: l.gateway}
	watched.fresh.Store(true)
	return watched, nil
}

// watchedConn replaces what net/http writes while no handler is at work.
type watchedConn struct {
	net.Conn

	gateway *Gateway
	owned   atomic.Bool // a handler has the current request
	fresh   atomic.Bool // the next bytes read begin a request
	head    atomic.Bool // the current request is HEAD
	refused atomic.Bool // net/http's own answer was replaced
}

// Read looks whether a request is HEAD, whose answer has no body. Of a pipelined one
// the beginning may come with the request before; it then gets a body, on a
// connection that closes.
func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.fresh.CompareAndSwap(true, false) {
		c.head.Store(bytes.HasPrefix(p[:n], []byte("HEAD ")))
	}
	return n, err //nolint:wrapcheck // io.EOF and timeouts are told apart by their types.
}

func (c *watchedConn) Write(p []byte) (int, error) {
	// HTTP/2 has frames, none of which begins so.
	status, ok := bareStatus(p)
	if !ok || c.owned.Load() {
		return c.Conn.Write(p) //nolint:wrapcheck // as above.
	}
	c.refused.Store(true)
	if _, err := c.Conn.Write(c.gateway.refusal(c, status)); err != nil {
		return 0, err //nolint:wrapcheck // as above.
	}
	return len(p), nil
}

// Close lets a client that is still sending read why it was refused: closing with
// bytes unread resets the connection, and may take the answer along (RFC 9112 §9.6).
func (c *watchedConn) Close() error {
	if c.refused.Swap(false) && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close() //nolint:wrapcheck // as above.
}

// How long, and for how much, a refused client is waited for.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// CloseWrite closes the sending half. net/http asks for it before it drops a
// connection with bytes unread, for the same reason.
func (c *watchedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// bareStatus reads the status of an HTTP/1 answer.
func bareStatus(p []byte) (int, bool) {
	const length = len("HTTP/1.1 417")
	if len(p) < length || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0, false
	}
	status, err := strconv.Atoi(string(p[length-3 : length]))
	return status, err == nil && status >= http.StatusBadRequest
}

// refusal is the documented answer in place of net/http's own. Of the request no more
// is known than that there was one.
func (g *Gateway) refusal(conn *watchedConn, status int) []byte {
	method := http.MethodGet
	if conn.head.Load() {
		method = http.MethodHead
	}
	fields := http.Header{"X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"}}
	ex := &exchange.Exchange{RequestID: rand.Text(), Start: time.Now(), Fields: fields, Client: conn.RemoteAddr().String()}
	if client, _, err := net.SplitHostPort(ex.Client); err == nil {
		ex.Client = client
	}
	ex.Caller = "address:" + ex.Client
	fields["X-Request-Id"] = []string{ex.RequestID}
	failure := refused(status)
	if g.limiter != nil {
		if allowance, err := g.limiter.Take(context.Background(), middleware.Use{Caller: ex.Caller}); err == nil {
			allowance.Fields(fields)
			failure = cmp.Or(allowance.Failure(), failure)
		}
	}
	answer := g.responder.Render(failure, respond.Request{Method: method, RequestID: ex.RequestID})
	respond.Note(ex, failure, answer)
	ex.Status, ex.Written = answer.Decision.Status(), int64(len(answer.Body))
	if g.observer != nil {
		g.observer.Begin()
	}
	g.over(context.Background(), "", ex)
	return answer.Raw(method, fields, time.Now())
}

// refused is what net/http's own status means.
func refused(status int) *respond.Failure {
	switch status {
	case http.StatusExpectationFailed:
		return middleware.UnmetExpectation()
	case http.StatusRequestHeaderFieldsTooLarge:
		return respond.Fail(codes.ResourceExhausted, mapping.ReasonHeaderTooLarge,
			"the target and the header fields are larger than the server is willing to process")
	case http.StatusNotImplemented:
		return respond.Fail(codes.Unimplemented, mapping.ReasonTransferCodingUnsupported, "the request's transfer coding is not one that the server reads")
	case http.StatusHTTPVersionNotSupported:
		return respond.Fail(codes.Unimplemented, mapping.ReasonVersionUnsupported, "the HTTP version is not one that the server speaks")
	default:
		return respond.Fail(codes.InvalidArgument, mapping.ReasonMalformedRequest, "the bytes are no HTTP request that the server can read")
	}
}
