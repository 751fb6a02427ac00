package apptest

import (
	"bufio"
	"database/sql"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// A Variant is one way to configure the server that cases run against.
type Variant struct {
	// config changes the configuration of the default variant.
	config func(*config.Serve)
	// Policy is the name of the policy; empty means the documented one.
	Policy string
	// edit changes the text of the policy.
	edit func(string) string
	// Own reports that every run needs a server of its own, because a case changes the
	// server for all others.
	Own bool
	// prepare does to a running server what no request can.
	prepare func(*testing.T, *Server)
}

// Variants are the servers that a case can name.
func Variants() map[string]Variant {
	return map[string]Variant{
		"default":       {},
		"own":           {Own: true},
		"canonical":     {Policy: policy.Canonical},
		"small-limit":   {config: func(c *config.Serve) { c.MaxBody = "1KiB" }},
		"short-wait":    {config: func(c *config.Serve) { c.BodyTimeout = 200 * time.Millisecond }},
		"maintenance":   {config: func(c *config.Serve) { c.Maintenance = true }},
		"no-limit":      {config: func(c *config.Serve) { c.RateLimit = "off" }},
		"rate-limited":  {config: func(c *config.Serve) { c.RateLimit = "3/1h" }, Own: true},
		"expired":       {config: func(c *config.Serve) { c.SessionTTL = time.Nanosecond }},
		"draining":      {config: func(c *config.Serve) { c.DrainDelay = drainDelay }, Own: true, prepare: beginStop},
		"broken-store":  {config: keepData, prepare: breakStore},
		"busy-store":    {config: keepData, Own: true, prepare: lockStore},
		"compressing":   {config: func(c *config.Serve) { c.Gzip = true }},
		"cross-origin":  {config: func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com"} }},
		"one-at-once":   {config: func(c *config.Serve) { c.Concurrency = 1 }, Own: true, prepare: holdAnonymous},
		"one-in-flight": {config: func(c *config.Serve) { c.MaxInFlight = 1 }, Own: true, prepare: holdOne},
		"status-format": {edit: func(policy string) string {
			return strings.Replace(policy, "errorFormat: problem", "errorFormat: status", 1)
		}},
		"error-format": {edit: func(policy string) string {
			return strings.Replace(policy, "errorFormat: problem", "errorFormat: error", 1)
		}},
	}
}

// keepData puts the database where a test can reach it. Without the demo there is
// the user admin alone.
func keepData(c *config.Serve) { c.Demo = false }

// PolicyOf returns the policy of a variant.
func PolicyOf(t *testing.T, v Variant) *policy.Table {
	t.Helper()
	name := v.Policy
	if name == "" {
		name = policy.Documented
	}
	if v.edit == nil {
		table, err := policy.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	source, err := os.ReadFile(filepath.Join("../../../gateway/policy", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := policy.Load(name+".yaml", []byte(v.edit(string(source))))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Hold sends a request whose body it keeps back until the test is over. The response 100
// shows that the request is being handled.
func (s *Server) Hold(t *testing.T, head ...string) {
	t.Helper()
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The server ends after this does: cleaning up goes from the last to the first.
	t.Cleanup(func() { _ = conn.Close() })
	lines := slices.Concat(head, []string{"Host: x", "Content-Type: application/json", "Content-Length: 9", "Expect: 100-continue", "\r\n"})
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, answer); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 100") {
		t.Fatalf("the request is not being handled: %s: %v", answer, err)
	}
}

func holdAnonymous(t *testing.T, s *Server) {
	t.Helper()
	s.Hold(t, "POST /v1/sessions HTTP/1.1")
}

func holdOne(t *testing.T, s *Server) {
	t.Helper()
	s.Occupy(t)
}

// drainDelay is long enough for a case to run meanwhile.
const drainDelay = 5 * time.Second

// beginStop makes a server stop, which then waits for load balancers.
func beginStop(t *testing.T, s *Server) {
	t.Helper()
	s.stop()
	draining := conformance.Exchange{
		Request:    conformance.Request{Method: "GET", Target: "/readyz"},
		Response:   conformance.Response{Status: http.StatusServiceUnavailable},
		Eventually: true,
	}
	if _, err := s.Perform(t.Context(), conformance.OverHTTP1, conformance.Variables{}, draining); err != nil {
		t.Fatalf("the server does not stop: %v", err)
	}
}

// breakStore takes away what the server needs of its database.
func breakStore(t *testing.T, s *Server) {
	t.Helper()
	database := s.openStore(t)
	if _, err := database.ExecContext(t.Context(), "ALTER TABLE entities RENAME TO secret_table"); err != nil {
		t.Fatal(err)
	}
}

// lockStore holds the database's write lock until the test is over.
func lockStore(t *testing.T, s *Server) {
	t.Helper()
	conn, err := s.openStore(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) openStore(t *testing.T) *sql.DB {
	t.Helper()
	database, err := sql.Open("sqlite", filepath.Join(s.Params.Config.DataDir, "statusway.db")+"?_pragma=busy_timeout(10000)") // The server may be writing.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	return database
}

// Occupy starts a call of the editor and returns when it runs. The call ends when the
// test calls the result.
func (s *Server) Occupy(t *testing.T) func() {
	t.Helper()
	before := s.callsInFlight(t)
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := "GET /conformance/v1/sleep?milliseconds=10000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.Tokens["editor"] + "\r\n\r\n"
	// A call sleeps for ten seconds at most, so there is one after the other.
	go func() {
		for reader := bufio.NewReader(conn); ; {
			if _, err := io.WriteString(conn, request); err != nil {
				return
			}
			response, err := http.ReadResponse(reader, nil)
			if err != nil || response.Body.Close() != nil {
				return
			}
		}
	}()
	for s.callsInFlight(t) != before+1 {
		time.Sleep(time.Millisecond)
	}
	return func() {
		t.Helper()
		if err := conn.Close(); err != nil { // The call is cancelled.
			t.Fatal(err)
		}
	}
}

// callsInFlight is what the server counts, over TLS as well.
func (s *Server) callsInFlight(t *testing.T) float64 {
	t.Helper()
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if count, ok := strings.CutPrefix(lines.Text(), "statusway_calls_in_flight "); ok {
			value, err := strconv.ParseFloat(count, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatal("calls are not counted")
	return 0
}
