package command_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// garbage is what comes to open ports.
func garbage() map[string]string {
	return map[string]string{
		"nothing":             "",
		"a NUL":               "\x00",
		"noise":               strings.Repeat("\xff\x00\x7f\r\n\xfe", 200),
		"a TLS greeting":      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x5a", 500),
		"half a request line": "GET /v1/ent",
		"half a header":       "GET / HTTP/1.1\r\nHost: x\r\nAccept: ",
		"a body cut off":      "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"user",
		"bad chunks":          "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"two lengths":         "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"a large header":      "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
		"no such version":     "GET / HTTP/9.9\r\n\r\n",
		"a preface alone":     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a frame of noise":    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x09\xff\xff\xff\xff\xff" + strings.Repeat("\xaa", 100),
		"a late reset":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x03\x00\x00\x00\x01\x00\x00\x00\x08",
		"many requests":       strings.Repeat("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 20) + "\x01",
	}
}

// throw sends bytes to an address, and drops the connection in one of three ways.
func throw(ctx context.Context, address, bytes string, way int) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// The server may have hung up already, and is right to do so.
	_, _ = io.WriteString(conn, bytes)
	tcp, ok := conn.(*net.TCPConn)
	switch {
	case !ok || way == 0:
		return nil
	case way == 1: // A reset instead of an orderly end.
		return tcp.SetLinger(0)
	default: // Half closed, and read to the end.
		_ = tcp.CloseWrite()
		_, _ = io.Copy(io.Discard, tcp)
		return nil
	}
}

// Whatever is thrown at its ports, the program stays, serves and stops well.
func TestGarbage(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--rate-limit=off")
	failures := make(chan error)
	thrown := 0
	for _, address := range []string{strings.TrimPrefix(p.rest, "http://"), p.grpc} {
		for name, bytes := range garbage() {
			for way := range 3 {
				for range 3 {
					thrown++
					go func() {
						if err := throw(t.Context(), address, bytes, way); err != nil {
							failures <- fmt.Errorf("%s: %w", name, err)
							return
						}
						failures <- nil
					}()
				}
			}
		}
	}
	for range thrown {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	select {
	case <-p.exited:
		t.Fatalf("the program has ended: %v", p.err)
	default:
	}
	if a := p.must(t, http.MethodGet, "/healthz", "", nil); a.status != http.StatusOK {
		t.Errorf("REST: %+v", a)
	}
	if a := p.must(t, http.MethodGet, "/v1/entities", p.demoToken(t), nil); a.status != http.StatusOK {
		t.Errorf("REST: %+v", a)
	}
	health, err := healthpb.NewHealthClient(p.dial(t)).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("gRPC: %v, %v", health, err)
	}
	if strings.Contains(p.log.String(), "panic") {
		t.Error("something has panicked")
	}
	p.stop(t)
}
