package dynamic_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/statusway/statusway/gateway/dynamic"
)

// serveHTTP serves web pages, and returns the address.
func serveHTTP(t *testing.T, change func(*httptest.Server), start func(*httptest.Server)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	change(server)
	start(server)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// serveBytes serves each connection with the same bytes.
func serveBytes(t *testing.T, text string) string {
	t.Helper()
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 10))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// TestWrongServer: the log and the state of a target say why the server cannot be called, and what to do.
func TestWrongServer(t *testing.T) {
	t.Parallel()
	ours, other := newAuthority(t), newAuthority(t)
	secret := &tls.Config{Certificates: []tls.Certificate{ours.issue()}, MinVersion: tls.VersionTLS12}
	mutual := secret.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ours.pool
	trust := &tls.Config{RootCAs: ours.pool, MinVersion: tls.VersionTLS12}
	plain, strict := serveGRPC(t, echo), serveGRPC(t, echo, grpc.Creds(credentials.NewTLS(mutual)))
	misnamed := trust.Clone()
	misnamed.ServerName = "other.example.test"
	encrypted := serveGRPC(t, echo, grpc.Creds(credentials.NewTLS(secret)))
	nothing := func(*httptest.Server) {}
	web := serveHTTP(t, nothing, (*httptest.Server).Start)
	withTLS := func(server *httptest.Server) { server.TLS = secret.Clone(); server.StartTLS() }
	secure := serveHTTP(t, nothing, withTLS)
	h2c := serveHTTP(t, func(server *httptest.Server) {
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
	}, (*httptest.Server).Start)
	for _, test := range []struct {
		name, address string
		tls           *tls.Config
		want          string
		// late means that the server can be connected to, and only a call shows what is wrong.
		late bool
	}{
		{"TLS to a server in plain text", plain, trust, "the server does not speak TLS: call it without TLS", false},
		{"plain text to a server with TLS", encrypted, nil, "the server speaks TLS: call it with TLS", false},
		{"plain text to a server with client certificates", strict, nil, "the server speaks TLS: call it with TLS", false},
		{"plain text to a web server with TLS", secure, nil, "the server speaks TLS: call it with TLS", false},
		{"a web server with TLS", secure, trust, "the server does not speak HTTP/2", false},
		{"an alert", serveBytes(t, "\x15\x03\x01\x00\x02\x02\x46"), nil, "the server speaks TLS: call it with TLS", false},
		{"another authority", encrypted, &tls.Config{RootCAs: other.pool, MinVersion: tls.VersionTLS12}, "trust its authority", false},
		{"another name", encrypted, misnamed, "call the server by a name in its certificate", false},
		{"no client certificate", strict, trust, "the server refused the connection", false},
		{"a web server", web, nil, "the server is an HTTP server without gRPC", false},
		{"a web server and TLS", web, trust, "the server is an HTTP server without gRPC", false},
		{"a page alone", serveBytes(t, "<!DOCTYPE HTML><p>Invalid HTTP version (2.0)"), nil, "the server is an HTTP server without gRPC", false},
		{"a web server with HTTP/2", h2c, nil, "the server is an HTTP server without gRPC", true},
		{"a mail server", serveBytes(t, "220 mail.example.test ESMTP\r\n"), nil, "the server does not speak HTTP/2", false},
		{"silence", serveBytes(t, ""), nil, "the server closed the connection before it sent anything", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, target := range []dynamic.Target{
				{Address: test.address, TLS: test.tls, Refresh: 10 * time.Millisecond},
				{Address: test.address, TLS: test.tls, Descriptors: zooSet(t)},
			} {
				if test.late && target.Descriptors != nil {
					continue
				}
				f := serve(t, target)
				eventually(t, func() bool {
					return strings.Contains(fmt.Sprint(f.backend.Targets()[0].Problems), test.want) && strings.Contains(f.log.String(), test.want)
				})
				if strings.Contains(f.log.String(), "server reflection, so") {
					t.Errorf("the log has the wrong cause:\n%s", f.log)
				}
				if got := f.send(http.MethodGet, "/v1/animals/x", ""); got.status != http.StatusServiceUnavailable {
					t.Errorf("%d %s", got.status, got.body)
				}
			}
		})
	}
}
