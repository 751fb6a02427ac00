package gateway_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway"
)

// A transport is a way in which a client reaches a server.
type transport struct{ secure, http2 bool }

func transports() map[string]transport {
	return map[string]transport{"HTTP/1.1": {false, false}, "h2c": {false, true}, "TLS HTTP/1.1": {true, false}, "TLS HTTP/2": {true, true}}
}

// secret is a certificate for 127.0.0.1, and the clients' configuration that trusts it.
func secret(tb testing.TB) (server, client *tls.Config) {
	tb.Helper()
	source := httptest.NewTLSServer(http.NotFoundHandler())
	defer source.Close()
	transport, ok := source.Client().Transport.(*http.Transport)
	if !ok {
		tb.Fatalf("the client of a test server has a %T", source.Client().Transport)
	}
	return &tls.Config{Certificates: source.TLS.Certificates, MinVersion: tls.VersionTLS12}, transport.TLSClientConfig
}

// caller is a client over one transport.
type caller struct {
	*http.Client

	base string
}

// clientOf serves a gateway over a transport and returns a client of it.
func clientOf(tb testing.TB, c gateway.Config, over transport, build func(gateway.Config) *gateway.Gateway) caller {
	tb.Helper()
	c.SendTimeout, c.DrainDelay, c.Grace = time.Minute, -1, time.Second
	scheme := "http://"
	var trust *tls.Config
	if over.secure {
		c.TLS, trust = secret(tb)
		scheme = "https://"
	}
	return dialer(tb, serveOn(tb, build(c)), trust, over.http2, scheme)
}

// dialer is a client of the server at an address. Each has connections of its own.
func dialer(tb testing.TB, address string, trust *tls.Config, http2 bool, scheme string) caller {
	tb.Helper()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: trust, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	tb.Cleanup(transport.CloseIdleConnections)
	return caller{&http.Client{Transport: transport, Timeout: time.Minute}, scheme + address}
}

// get sends a GET request and returns the response, which the caller closes.
func (c caller) get(tb testing.TB, path string) *http.Response {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, c.base+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	response, err := c.Do(request)
	if err != nil {
		tb.Fatalf("GET %s: %v", path, err)
	}
	return response
}
