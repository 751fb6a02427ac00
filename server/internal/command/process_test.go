package command_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// A slow request is a PUT whose body a test sends as slowly as it likes.
type slow struct {
	conn net.Conn
	rest string
}

// slowly begins a PUT and returns when the server is handling it.
func (p *process) slowly(t *testing.T, token string) slow {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(p.rest, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const body = `{"displayName": "A slow one"}`
	head := fmt.Sprintf("PUT /v1/entities/slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", token, len(body))
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when it reads it.
	interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, interim); err != nil || !bytes.HasPrefix(interim, []byte("HTTP/1.1 100 ")) {
		t.Fatalf("%q, %v", interim, err)
	}
	half := len(body) / 2
	if _, err := io.WriteString(conn, body[:half]); err != nil {
		t.Fatal(err)
	}
	return slow{conn: conn, rest: body[half:]}
}

// finish sends the rest and returns the response.
func (s slow) finish(t *testing.T) answer {
	t.Helper()
	if _, err := io.WriteString(s.conn, s.rest); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(s.conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	a, err := read(response)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// drain sends SIGTERM and returns when the server is no longer ready.
func (p *process) drain(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	eventually(t, func(ctx context.Context) (bool, error) {
		a, err := p.ask(ctx, http.MethodGet, "/readyz", "", nil)
		return a.status == http.StatusServiceUnavailable, err
	})
}

// After SIGTERM everything is served as before for the drain delay, over both protocols.
// Then no client can connect, the running request finishes, and the process ends well.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--drain-delay=3s")
	token := p.demoToken(t)
	services := p.dial(t)
	running := p.slowly(t, token)
	p.drain(t)

	a := p.must(t, http.MethodGet, "/readyz", "", nil)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.body["reason"] != "SERVICE_DRAINING" {
		t.Errorf("/readyz: %+v", a)
	}
	for _, path := range []string{"/v1/entities/teapot", "/v1/statuses", "/healthz"} {
		if a := p.must(t, http.MethodGet, path, token, nil); a.status != http.StatusOK {
			t.Errorf("GET %s: %d while draining", path, a.status)
		}
	}
	health, err := healthpb.NewHealthClient(services).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the health check over gRPC: %v, %v", health, err)
	}
	if _, err := entityv1.NewEntityServiceClient(services).GetEntity(withToken(t, token), &entityv1.GetEntityRequest{Id: "teapot"}); err != nil {
		t.Errorf("a call over gRPC while draining: %v", err)
	}

	eventually(t, func(ctx context.Context) (bool, error) {
		_, err := p.ask(ctx, http.MethodGet, "/readyz", "", nil)
		return err != nil, nil
	})
	if a := running.finish(t); a.status != http.StatusCreated || a.body["displayName"] != "A slow one" {
		t.Errorf("the running request: %+v", a)
	}
	if err := p.wait(t); err != nil {
		t.Errorf("the end: %v", err)
	}
}

// SIGINT stops without a delay: a person at a terminal does not wait for load balancers.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--drain-delay=1h")
	p.signal(t, syscall.SIGINT)
	if err := p.wait(t); err != nil {
		t.Errorf("the end: %v", err)
	}
}

// A request that does not finish in time is cut off, and the exit code says so.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--grace=200ms")
	running := p.slowly(t, p.demoToken(t))
	p.signal(t, syscall.SIGINT)
	exit, ok := errors.AsType[*exec.ExitError](p.wait(t))
	if !ok || exit.ExitCode() != 1 || !strings.Contains(p.log.String(), "200ms") {
		t.Errorf("the end: %v, %s", exit, &p.log)
	}
	if rest, err := io.ReadAll(running.conn); len(rest) > 0 {
		t.Errorf("the request is answered by %q, %v", rest, err)
	}
}

// Who does not want to wait asks twice.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--grace=1h")
	p.slowly(t, p.demoToken(t))
	p.drain(t)
	// A signal ends it once it is no longer caught, which is soon after the first one.
	eventually(t, func(context.Context) (bool, error) {
		_ = p.command.Process.Signal(syscall.SIGTERM) // An error says that it has ended.
		select {
		case <-p.exited:
			return true, nil
		default:
			return false, nil
		}
	})
	exit, ok := errors.AsType[*exec.ExitError](p.err)
	if !ok {
		t.Fatal("the program has ended as if all were well")
	}
	if state, ok := exit.Sys().(syscall.WaitStatus); !ok || !state.Signaled() || state.Signal() != syscall.SIGTERM {
		t.Errorf("the end: %v", exit)
	}
}

// An idle server stops at once, also by SIGINT, as from a terminal. A demo takes its
// data along.
func TestStopWhenIdle(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	if data, err := os.ReadDir(p.temporary); err != nil || len(data) == 0 {
		t.Errorf("a demo keeps nothing in its folder: %v", err)
	}
	p.signal(t, syscall.SIGINT)
	if err := p.wait(t); err != nil {
		t.Errorf("the end: %v", err)
	}
	if data, err := os.ReadDir(p.temporary); err != nil || len(data) > 0 {
		t.Errorf("left behind: %v, %v", data, err)
	}
}

// The first start tells the admin's password, and that start alone does.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := serve(t, "--data-dir="+folder)
	password := p.await(t, `(?m)password (\S+)\n.*once`)[1]
	token := p.login(t, "admin", password)
	if strings.Count(p.out.String(), password) != 1 || strings.Contains(p.log.String(), password) {
		t.Errorf("the password is shown more than once:\n%s\n%s", &p.out, &p.log)
	}
	for _, bad := range []string{"", "demo", "admin", strings.ToLower(password)} {
		body := fmt.Appendf(nil, `{"username": "admin", "password": %q}`, bad)
		if a := p.must(t, http.MethodPost, "/v1/sessions", "", body); a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest {
			t.Errorf("logging in with %q: %+v", bad, a)
		}
	}
	p.stop(t)

	p = serve(t, "--data-dir="+folder)
	// The password and the token of before are as good as ever.
	p.login(t, "admin", password)
	if a := p.must(t, http.MethodGet, "/v1/maintenance", token, nil); a.status != http.StatusOK {
		t.Errorf("the token after a restart: %+v", a)
	}
	p.stop(t)
	if text := p.out.String() + p.log.String(); strings.Contains(text, "password") || strings.Contains(text, password) {
		t.Errorf("the second start tells of a password:\n%s", text)
	}
}

// pair writes a certificate for 127.0.0.1 and its key, and returns the two files and
// a client that trusts it.
func pair(t *testing.T) (cert, key string, trusting *http.Client) {
	t.Helper()
	// It is there for its certificate alone.
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return write("cert.pem", "CERTIFICATE", server.Certificate().Raw), write("key.pem", "PRIVATE KEY", secret), server.Client()
}

// With a certificate the program says https wherever it says where it is.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, trusting := pair(t)
	p := serve(t, "--demo", "--tls-cert="+cert, "--tls-key="+key)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.rest+"/v1/entities", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := trusting.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	a, err := read(response)
	if err != nil || a.status != http.StatusUnauthorized || a.body["type"] != "/statuses/401" || !strings.HasPrefix(p.rest, "https://") {
		t.Errorf("%s is answered by %+v, %v", p.rest, a, err)
	}
	if strings.Contains(p.out.String(), "http://") {
		t.Errorf("the program prints:\n%s", &p.out)
	}
	trusting.CloseIdleConnections()
	p.stop(t)
}

// withToken is the context of a gRPC call with an access token.
func withToken(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}
