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

// net/http rejects some requests itself, before any handler runs: for example an unknown Expect
// value, or a header section that is malformed or too large. Its responses are bare text or empty,
// and their statuses may not be in the policy. net/http sends each of them in one write, on an
// HTTP/1.1 connection that it then closes. So a connection that knows whether a handler is running
// can send the documented response instead.
//
// conn inspects only writes between two HTTP/1.1 requests. It passes HTTP/2 connections and all
// writes of a handler through unread, because a payload may contain any bytes, even an HTTP status
// line.

// conn is one connection of [Gateway.Serve], with decrypted bytes.
type conn struct {
	net.Conn

	gateway *Gateway
	// first counts the bytes of the connection, up to the length of the HTTP/2 client preface
	// (RFC 9113 §3.4). Only Read uses first, notHTTP2 and tooShort.
	first    int
	notHTTP2 bool // the bytes differ from the preface
	tooShort bool // the first line is too short for a request line

	http2   atomic.Bool // the whole preface has arrived
	handled atomic.Bool // a handler has the current request
	fresh   atomic.Bool // the next bytes read begin a request
	head    atomic.Bool // the current request is HEAD
	refused atomic.Bool // conn has replaced a response of net/http
	cut     atomic.Bool // a handler has set a write deadline that has passed
	watched atomic.Bool // watchPeer is running
	closed  atomic.Bool
	// leave cancels the requests of the connection.
	leave context.CancelFunc
}

const (
	clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	// shortestLine is the length of the shortest request line, such as "A / HTTP/1.1".
	shortestLine = 12
	// writeSize is the number of bytes that one write deadline is for.
	writeSize = 64 << 10
)

func newConn(inner net.Conn, gateway *Gateway) *conn {
	c := &conn{Conn: inner, gateway: gateway, leave: func() {}}
	c.fresh.Store(true)
	return c
}

// Read ends the connection's bytes after a first line that is too short for a request line, because
// net/http would wait for more bytes of an HTTP/2 preface before it refuses the line.
//
// Read detects the HTTP/2 preface and HEAD requests, whose responses have no body. The beginning
// of a pipelined request may arrive together with the previous request, and Read does not see it.
// If net/http refuses such a HEAD request, the response has a body, but the connection closes.
func (c *conn) Read(p []byte) (int, error) {
	if c.tooShort {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	if err != nil {
		err = c.handshakeError(err)
	}
	if n > 0 && c.first < len(clientPreface) {
		c.inspect(p[:n])
	}
	if n > 0 && c.fresh.CompareAndSwap(true, false) {
		c.head.Store(bytes.HasPrefix(p[:n], []byte("HEAD ")))
	}
	// While a handler runs, net/http reads one byte in the background, to notice that the client
	// leaves. The first byte of another request ends this read, so watchPeer takes over.
	if n == 1 && len(p) == 1 && c.handled.Load() && !c.watched.Swap(true) {
		time.AfterFunc(peerInterval, c.watchPeer)
	}
	return n, err
}

// peerInterval is how often watchPeer checks whether the client has left.
const peerInterval = 500 * time.Millisecond

// watchPeer cancels the requests of a connection when the client has left. It checks until the
// connection is closed, because a client that pipelines requests goes on to do so.
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

// handshakeError returns the error of Read that net/http should see. After a failed TLS handshake,
// net/http would send a 400, which a TLS client cannot read. A client that speaks plain HTTP can,
// and gets the documented response.
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

// looksLikeHTTP reports whether a TLS record begins like an HTTP/1.1 request.
func looksLikeHTTP(record [5]byte) bool {
	switch string(record[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO":
		return true
	default:
		return false
	}
}

// inspect reads the first bytes of the connection, which arrive in one or more pieces.
func (c *conn) inspect(p []byte) {
	want := clientPreface[c.first:]
	n := min(len(p), len(want))
	c.notHTTP2 = c.notHTTP2 || string(p[:n]) != want[:n]
	if end := bytes.IndexByte(p, '\n'); end >= 0 && c.first+end < shortestLine {
		c.tooShort = true
	}
	c.first += n
	c.http2.Store(!c.notHTTP2 && c.first == len(clientPreface))
}

// Write sends p, or the documented response if p is an error of net/http's own.
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

// send writes p in pieces. Each piece has its own timeout, so a client that stops reading loses
// its connection, and a slow client does not.
func (c *conn) send(p []byte) (int, error) {
	sent := 0
	for {
		piece := p[sent:min(len(p), sent+writeSize)]
		if timeout := c.gateway.config.SendTimeout; timeout > 0 && !c.cut.Load() {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
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

// SetWriteDeadline lets a handler end its response with a deadline in the past. Each write replaces
// any other deadline.
func (c *conn) SetWriteDeadline(deadline time.Time) error {
	c.cut.Store(!deadline.IsZero() && !deadline.After(time.Now()))
	return c.Conn.SetWriteDeadline(deadline) //nolint:wrapcheck // as in Read.
}

// Close gives a refused client time to read the response while it is still sending. Closing a
// connection with unread bytes resets it, and the client may lose the response (RFC 9112 §9.6).
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

// CloseWrite closes the sending half. net/http calls it before it closes a connection with unread
// bytes, for the same reason.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// errorStatus returns the status if p is an HTTP/1 error response.
func errorStatus(p []byte) (int, bool) {
	const length = len("HTTP/1.1 417")
	if len(p) < length || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0, false
	}
	status, err := strconv.Atoi(string(p[length-3 : length]))
	return status, err == nil && status >= http.StatusBadRequest
}

// tlsState returns the TLS state of the connection, or nil without TLS. Call it only after the
// handshake, for example when a request has arrived.
func (c *conn) tlsState() *tls.ConnectionState {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	return &state
}

type connKey struct{}

// connOf returns the connection of a request, or nil if another server accepted it.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// listener wraps the connections that a listener accepts.
type listener struct {
	net.Listener

	gateway *Gateway
}

func (l listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks for temporary errors and net.ErrClosed.
	}
	return newConn(inner, l.gateway), nil
}
