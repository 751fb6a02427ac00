package conformance

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ExchangeTimeout ends an exchange that hangs. No response takes that long.
const ExchangeTimeout = 30 * time.Second

// ClientParams say which server a [Client] speaks to.
type ClientParams struct {
	// Address is the server's host:port.
	Address string
	// TLS is how the server is reached over TLS; nil means without.
	TLS *tls.Config
	// Next is the path of a GET that follows each request on the same HTTP/1.1
	// connection: it succeeds only if the response before it was well framed.
	Next string
	// NextStatus is the expected status of Next; 0 means any.
	NextStatus int
	// Invariants are checked on every response.
	Invariants Invariants
	// Check is another check of every exchange. It may be nil.
	Check func(context.Context, *Message, *Answer) error
	// Patience is how long a request may wait if the server's rate limit refuses it; 0
	// means that it does not wait.
	Patience time.Duration
	// Waiting is called for each such wait. It may be nil.
	Waiting func(time.Duration)
}

// A Client sends what cases say to one server. It is safe for concurrent use.
type Client struct {
	params ClientParams
	h2     *http.Client
}

// NewClient returns a client; it connects to nothing yet.
func NewClient(p ClientParams) *Client {
	return &Client{params: p, h2: newH2(p.TLS)}
}

// HTTP2 is what speaks HTTP/2, to any address.
func (c *Client) HTTP2() *http.Client { return c.h2 }

// Close closes the connections that are kept.
func (c *Client) Close() { c.h2.CloseIdleConnections() }

// Send sends a request over one transport.
func (c *Client) Send(ctx context.Context, transport string, m *Message) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, ExchangeTimeout)
	defer cancel()
	if len(m.Steps) > 0 || m.Leaves {
		return c.sendSteps(ctx, transport, m)
	}
	if transport == OverH2C {
		return c.sendH2(ctx, m)
	}
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return c.sendHTTP1(ctx, conn, m)
}

// Dial opens a connection for HTTP/1.1.
func (c *Client) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := c.dialer().DialContext(ctx, "tcp", c.params.Address)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return conn, nil
}

func (c *Client) dialer() interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
} {
	if c.params.TLS == nil {
		return &net.Dialer{}
	}
	settings := c.params.TLS.Clone()
	settings.NextProtos = []string{"http/1.1"}
	return &tls.Dialer{Config: settings}
}

func (c *Client) scheme() string {
	if c.params.TLS != nil {
		return "https"
	}
	return "http"
}
