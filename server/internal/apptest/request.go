package apptest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/conformance"
)

// Get is a GET.
func Get(target string, headers ...[2]string) conformance.Request {
	return conformance.Request{Method: http.MethodGet, Target: target, Headers: headers}
}

// Raw sends lines, with CRLF between them, and returns all that comes back until the
// server closes.
func (s *Server) Raw(t *testing.T, lines ...string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(conformance.ExchangeTimeout))
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the server does not close: %v: %s", err, got)
	}
	return string(got)
}

// EntitiesURL is the path of the entities.
const EntitiesURL = "/v1/entities"

// IdempotencyKey is the header with a key.
func IdempotencyKey(key string) [2]string { return [2]string{"Idempotency-Key", strconv.Quote(key)} }

// Do sends a request as a user over HTTP/1.1, on a connection of its own, and checks
// the invariants of the response.
func (s *Server) Do(t *testing.T, user string, r conformance.Request) *conformance.Answer {
	t.Helper()
	m, err := conformance.Prepare(r, s.Variables().As(user))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Send(t.Context(), conformance.OverHTTP1, m)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Target, err)
	}
	if got.Framing != nil {
		t.Errorf("%s %s: %v", r.Method, r.Target, got.Framing)
	}
	if err := s.Invariants().Check(m, got); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.Target, err)
	}
	return got
}

// Post is a POST of JSON.
func Post(target string, body map[string]any, headers ...[2]string) conformance.Request {
	return conformance.Request{Method: http.MethodPost, Target: target, JSON: JSON(body), Headers: headers}
}

// JSON is a body.
func JSON(value any) *conformance.JSON { return &conformance.JSON{Value: value} }

// Named is the body of an entity with a display name.
func Named(name string) map[string]any { return map[string]any{"displayName": name} }

// problemReason returns the reason of the first violation of a problem, else its own.
func problemReason(t *testing.T, a *conformance.Answer) string {
	t.Helper()
	var problem struct {
		Reason string `json:"reason"`
		Errors []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(a.Body, &problem); err != nil {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	if len(problem.Errors) > 0 {
		return problem.Errors[0].Reason
	}
	return problem.Reason
}

// WantStatus checks the status and, if it is not empty, the reason of the problem.
func WantStatus(t *testing.T, got *conformance.Answer, status int, reason string) {
	t.Helper()
	if got.Status != status {
		t.Fatalf("%d %s, want %d", got.Status, got.Body, status)
	}
	if reason != "" && problemReason(t, got) != reason {
		t.Errorf("reason %q, want %q", problemReason(t, got), reason)
	}
}

// WantHeaders compares headers; an empty value means that the header must be absent.
func WantHeaders(t *testing.T, got *conformance.Answer, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if has := got.Header.Get(name); has != value {
			t.Errorf("%s is %q, want %q", name, has, value)
		}
	}
}
