package command_test

import (
	"net"
	"strings"
	"testing"
)

// port is the last part of a URL.
func port(t *testing.T, url string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(url[strings.Index(url, "//")+2:])
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The server is found by the address that it was told to listen on.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", ""} {
		address := host + ":" + port(t, p.rest)
		if got := run(t, "", "healthcheck", "--http-addr="+address); got.code != 0 || got.out != address+" is ready\n" {
			t.Errorf("asking %s: %+v", address, got)
		}
	}
	p.stop(t)
}

// A server with a certificate is asked over TLS, though no authority has signed it.
func TestHealthcheckTLS(t *testing.T) {
	t.Parallel()
	cert, key, _ := pair(t)
	p := serve(t, "--demo", "--tls-cert="+cert, "--tls-key="+key)
	address := "--http-addr=127.0.0.1:" + port(t, p.rest)
	if got := run(t, "", "healthcheck", address, "--tls-cert="+cert); got.code != 0 {
		t.Errorf("over TLS: %+v", got)
	}
	if got := run(t, "", "healthcheck", address); got.code != 1 || !strings.Contains(got.err, "use --tls-cert") {
		t.Errorf("without TLS: %+v", got)
	}
	p.stop(t)
	p = serve(t, "--demo")
	address = "--http-addr=127.0.0.1:" + port(t, p.rest)
	if got := run(t, "", "healthcheck", address, "--tls-cert="+cert); got.code != 1 || !strings.Contains(got.err, "leave out --tls-cert") {
		t.Errorf("a server without TLS: %+v", got)
	}
	p.stop(t)
}

// A server that stops is not ready, and one that is gone is not either.
func TestHealthcheckOfNoServer(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	address := "--http-addr=127.0.0.1:" + port(t, p.rest)
	running := p.slowly(t, p.demoToken(t))
	p.drain(t)
	if got := run(t, "", "healthcheck", address); got.code != 1 || !strings.Contains(got.err, "503") || !strings.Contains(got.err, "SERVICE_DRAINING") {
		t.Errorf("asking a server that stops: %+v", got)
	}
	running.finish(t)
	if err := p.wait(t); err != nil {
		t.Error(err)
	}
	if got := run(t, "", "healthcheck", address); got.code != 1 || !strings.Contains(got.err, "refused") {
		t.Errorf("asking nobody: %+v", got)
	}
}
