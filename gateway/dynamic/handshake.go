package dynamic

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
)

var (
	errPlainServer = errors.New("the server does not speak TLS: call it without TLS")
	errTLSServer   = errors.New("the server speaks TLS: call it with TLS")
	errHTTPServer  = errors.New("the server is an HTTP server without gRPC: give the address of a gRPC server")
	errNoHTTP2     = errors.New("the server does not speak HTTP/2: give the address of a gRPC server")
	errSilent      = errors.New("the server closed the connection before it sent anything")
)

// probeTime is how long a server may take to show that it speaks TLS.
const probeTime = 2 * time.Second

// diagnosis wraps the credentials of a connection. It finds out why a server cannot be called: grpc-go
// only reports bytes that it cannot read, or the end of the connection.
type diagnosis struct {
	credentials.TransportCredentials

	plain bool
	cause *atomic.Pointer[error] // of the last connection; it holds nil if the server speaks HTTP/2
}

func (d diagnosis) Clone() credentials.TransportCredentials {
	d.TransportCredentials = d.TransportCredentials.Clone()
	return d
}

func (d diagnosis) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := d.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		err = explainTLS(err)
		d.cause.Store(&err)
		return nil, nil, err
	}
	return &diagnosed{Conn: conn, diagnosis: d, checked: false}, info, nil
}

// explainTLS says what to do about a failed handshake.
func explainTLS(err error) error {
	if wrong, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if isHTTP1(wrong.RecordHeader[:]) {
			return errHTTPServer
		}
		return errPlainServer
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("no authority that the gateway trusts has signed the server's certificate: trust its authority: %w", err)
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("the server's certificate is for another name: call the server by a name in its certificate: %w", err)
	}
	// The server selects no protocol, or refuses h2. There are no types for these errors.
	if strings.Contains(err.Error(), "ALPN") || strings.Contains(err.Error(), "no application protocol") {
		return errNoHTTP2
	}
	return fmt.Errorf("the TLS handshake failed: %w", err)
}

// diagnosed is a connection that checks the first bytes of the server.
type diagnosed struct {
	net.Conn

	diagnosis diagnosis
	checked   bool // only used by the one goroutine that reads
}

func (c *diagnosed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.checked || errors.Is(err, net.ErrClosed) {
		return n, err //nolint:wrapcheck // it is a net.Conn.
	}
	c.checked = true
	wrong := c.check(p[:n], err)
	c.diagnosis.cause.Store(&wrong)
	if wrong != nil {
		return 0, wrong
	}
	return n, err //nolint:wrapcheck // as above.
}

// check returns why the first bytes are not the settings of an HTTP/2 server (RFC 9113 §3.4).
func (c *diagnosed) check(first []byte, err error) error {
	const settings, alert, frameHeader = 4, 21, 9
	switch {
	case len(first) == 0 && !c.diagnosis.plain:
		return fmt.Errorf("the server refused the connection: %w", err) // For example, it wants another certificate.
	case len(first) == 0 && speaksTLS(c.RemoteAddr()):
		return errTLSServer
	case len(first) == 0:
		return errSilent
	case isHTTP1(first):
		return errHTTPServer
	case c.diagnosis.plain && first[0] == alert && len(first) < frameHeader:
		return errTLSServer
	case len(first) >= frameHeader && first[3] != settings:
		return errNoHTTP2
	default:
		return nil
	}
}

// isHTTP1 reports whether a server responded to HTTP/2 as an HTTP/1 server does. Some send only a page.
func isHTTP1(first []byte) bool { return bytes.HasPrefix(first, []byte("HTTP/")) || first[0] == '<' }

// speaksTLS reports whether a server takes part in a TLS handshake. Some servers close a connection
// without TLS without a word.
func speaksTLS(address net.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // It sends nothing.
	conn, err := dialer.DialContext(ctx, address.Network(), address.String())
	if err == nil {
		_ = conn.Close()
		return true
	}
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "remote error" // crypto/tls calls an alert so.
}
