package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
)

// newH2 is a client that speaks HTTP/2 from the first byte: over TLS, or without it.
func newH2(secure *tls.Config) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP2(secure != nil)
	protocols.SetUnencryptedHTTP2(secure == nil)
	return &http.Client{
		Transport: &http.Transport{
			Protocols:             protocols,
			TLSClientConfig:       secure.Clone(),
			DisableCompression:    true,
			ExpectContinueTimeout: ExchangeTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sendH2 sends a request over HTTP/2.
func (c *Client) sendH2(ctx context.Context, m *Message) (*Answer, error) {
	got, body, err := c.headH2(ctx, c.request(m))
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(body)
	if err := got.cut(err); err != nil {
		return nil, err
	}
	return got, got.decode(content)
}

// headH2 sends a request and returns the header section of its response, and a reader of
// the content.
func (c *Client) headH2(ctx context.Context, r *http.Request) (*Answer, io.ReadCloser, error) {
	got := &Answer{Transport: OverH2C}
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		got.Continued = got.Continued || code == http.StatusContinue
		return nil
	}}
	response, err := c.h2.Do(r.WithContext(httptrace.WithClientTrace(ctx, trace))) //nolint:bodyclose // the caller closes it, or ends its context.
	if err != nil {
		return nil, nil, fmt.Errorf("sending: %w", err)
	}
	got.Status, got.Header = response.StatusCode, response.Header
	content := &untilTrailers{response: response, got: got}
	return got, struct {
		io.Reader
		io.Closer
	}{content, response.Body}, nil
}

func (c *Client) request(m *Message) *http.Request {
	address := c.params.Address
	r := &http.Request{Method: m.Method, URL: targetURL(c.scheme(), address, m.Target), Header: http.Header{}, Host: address}
	for _, pair := range m.Headers {
		if strings.EqualFold(pair[0], "Host") {
			r.Host = pair[1]
			continue
		}
		r.Header.Add(pair[0], pair[1])
	}
	if m.Body == nil {
		return r
	}
	r.ContentLength = int64(len(m.Body) + m.Unsent)
	if m.Chunked {
		r.ContentLength = -1
	}
	r.Body = io.NopCloser(bytes.NewReader(m.Body))
	if m.Unsent > 0 {
		r.Body = &stalledBody{Reader: bytes.NewReader(m.Body), closed: make(chan struct{})}
	}
	return r
}

// targetURL is a URL that net/http's client sends as target, character by character.
func targetURL(scheme, address, target string) *url.URL {
	if parsed, err := url.Parse(scheme + "://" + address + target); err == nil && parsed.RequestURI() == target {
		return parsed
	}
	if target == "*" {
		return &url.URL{Scheme: scheme, Host: address, Opaque: "*"}
	}
	return &url.URL{Scheme: scheme, Host: address, Opaque: "//" + address + target}
}

// stalledBody is a body whose end never comes: it waits until it is closed.
type stalledBody struct {
	io.Reader

	closed    chan struct{}
	closeOnce sync.Once
}

func (b *stalledBody) Read(p []byte) (int, error) {
	if n, err := b.Reader.Read(p); err == nil {
		return n, nil
	}
	<-b.closed
	return 0, io.ErrUnexpectedEOF
}

func (b *stalledBody) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	return nil
}
