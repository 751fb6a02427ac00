package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// net/http answers some requests itself, before any handler runs: an Expect value that
// it does not know, or a header section that it cannot read or that is too large. Those
// responses are bare text, or empty, with statuses that the policy may not have.
// net/http sends each in one write, on an HTTP/1.1 connection that it then closes. A
// connection that knows whether a handler is running can send the documented response
// instead.
//
// Only writes between two HTTP/1.1 requests are inspected. HTTP/2 connections and
// everything that a handler writes pass through unread, because a payload may contain
// any bytes, also those of an HTTP status line.

// conn is one connection of [Gateway.Serve], after TLS has been removed.
type conn struct {
	net.Conn

	gateway *Gateway
	// sendTimeout is how long a write may make no progress.
	sendTimeout time.Duration

	// preface counts how many of the first bytes match the HTTP/2 client preface
	// (RFC 9113 §3.4); notHTTP2 once a byte differs. Only Read uses it.
	preface int
	http2   atomic.Bool // the whole preface has arrived
	handled atomic.Bool // a handler has the current request
	fresh   atomic.Bool // the next bytes read begin a request
	head    atomic.Bool // the current request is HEAD
	refused atomic.Bool // a response of net/http was replaced
	cut     atomic.Bool // a handler has set a write deadline that has passed
	watched atomic.Bool // watchPeer runs
	closed  atomic.Bool
	// leave cancels the requests of the connection.
	leave context.CancelFunc
}

const (
	clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	notHTTP2      = -1
	// writeSize is how many bytes are written before the deadline moves.
	writeSize = 64 << 10
)

func newConn(inner net.Conn, gateway *Gateway, sendTimeout time.Duration) *conn {
	c := &conn{Conn: inner, gateway: gateway, sendTimeout: sendTimeout, leave: func() {}}
	c.fresh.Store(true)
	return c
}

// Read recognizes the HTTP/2 preface, and whether an HTTP/1.1 request is HEAD, whose
// response has no body. The beginning of a pipelined request may arrive with the request
// before it; if net/http refuses such a HEAD request, the response has a body, on a
// connection that closes.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		err = c.handshakeError(err)
	}
	if n > 0 && c.preface != notHTTP2 && !c.http2.Load() {
		c.matchPreface(p[:n])
	}
	if n > 0 && c.fresh.CompareAndSwap(true, false) {
		c.head.Store(bytes.HasPrefix(p[:n], []byte("HEAD ")))
	}
	// While a handler runs, net/http reads one byte in the background, to notice that the
	// client leaves. The first byte of another request ends that.
	if n == 1 && len(p) == 1 && c.handled.Load() && !c.watched.Swap(true) {
		time.AfterFunc(peerInterval, c.watchPeer)
	}
	return n, err
}

// peerInterval is how often the server looks whether a client has left that sent more than
// one request.
const peerInterval = 500 * time.Millisecond

// watchPeer cancels the requests of a connection whose client has left. It looks until
// the connection is closed: a client that sends requests ahead goes on to do so.
func (c *conn) watchPeer() {
	if c.closed.Load() {
		return
	}
	raw := c.Conn
	if secure, ok := raw.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if c.handled.Load() && hasLeft(raw) {
		c.leave()
		return
	}
	time.AfterFunc(peerInterval, c.watchPeer)
}

// handshakeError is the error of Read as net/http should see it. It would send a 400 for a
// TLS handshake that failed, to a client that cannot read it. A client that speaks plain
// HTTP can, and gets the documented response.
func (c *conn) handshakeError(err error) error {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok || secure.ConnectionState().HandshakeComplete {
		return err
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
		c.Conn = plain.Conn
		c.refused.Store(true)
		_, _ = c.send(c.gateway.refuse(c, http.StatusBadRequest))
	}
	return io.EOF
}

// looksLikeHTTP says whether a TLS record begins as an HTTP/1.1 request does.
func looksLikeHTTP(record [5]byte) bool {
	switch string(record[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO":
		return true
	default:
		return false
	}
}

func (c *conn) matchPreface(p []byte) {
	want := clientPreface[c.preface:]
	n := min(len(p), len(want))
	if string(p[:n]) != want[:n] {
		c.preface = notHTTP2
		return
	}
	c.preface += n
	c.http2.Store(c.preface == len(clientPreface))
}

// Write sends p, or the documented response if p is one of net/http's own.
func (c *conn) Write(p []byte) (int, error) {
	if c.http2.Load() || c.handled.Load() {
		return c.send(p)
	}
	status, ok := errorStatus(p)
	if !ok {
		return c.send(p)
	}
	c.refused.Store(true)
	if _, err := c.send(c.gateway.refuse(c, status)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send writes p in pieces, each of which must leave within the timeout. A client that
// stops reading therefore loses its connection, and a slow one does not.
func (c *conn) send(p []byte) (int, error) {
	sent := 0
	for {
		piece := p[sent:min(len(p), sent+writeSize)]
		if c.sendTimeout > 0 && !c.cut.Load() {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(c.sendTimeout)); err != nil {
				return sent, err //nolint:wrapcheck // as in Read.
			}
		}
		n, err := c.Conn.Write(piece)
		sent += n
		if err != nil || sent == len(p) {
			return sent, err //nolint:wrapcheck // as in Read.
		}
	}
}

// SetWriteDeadline lets a handler end its response: a deadline that has passed is kept, and
// any other is replaced with each write.
func (c *conn) SetWriteDeadline(deadline time.Time) error {
	c.cut.Store(!deadline.IsZero() && !deadline.After(time.Now()))
	return c.Conn.SetWriteDeadline(deadline) //nolint:wrapcheck // as in Read.
}

// Close lets a client that is still sending read why it was refused: closing with
// bytes unread resets the connection, and may discard the response (RFC 9112 §9.6).
func (c *conn) Close() error {
	c.closed.Store(true)
	defer c.leave()
	if c.refused.Swap(false) && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close() //nolint:wrapcheck // as in Read.
}

// How long, and for how many bytes, the server waits for a refused client.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// CloseWrite closes the sending half. net/http calls it before it drops a connection
// with bytes unread, for the same reason.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// errorStatus reads the status of an HTTP/1 error response.
func errorStatus(p []byte) (int, bool) {
	const length = len("HTTP/1.1 417")
	if len(p) < length || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0, false
	}
	status, err := strconv.Atoi(string(p[length-3 : length]))
	return status, err == nil && status >= http.StatusBadRequest
}

// tlsState is the state of the connection's TLS, nil without TLS. The handshake must be
// over, as it is once a request was read.
func (c *conn) tlsState() *tls.ConnectionState {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	return &state
}

type connKey struct{}

// connOf returns the connection of a request; nil if the server is not ours.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// listener wraps the connections that a listener accepts.
type listener struct {
	net.Listener

	gateway     *Gateway
	sendTimeout time.Duration
}

func (l listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks for temporary errors and net.ErrClosed.
	}
	return newConn(inner, l.gateway, l.sendTimeout), nil
}
