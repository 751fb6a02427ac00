package app_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// publicURL is what clients are told, whatever port a server has.
const publicURL = "https://api.example.test"

// A variant is one way to configure the server that cases run against.
type variant struct {
	// config changes the configuration of the default variant.
	config func(*config.Serve)
	// policy is the policy's name; empty means the documented one.
	policy string
	// edit changes the text of the policy.
	edit func(string) string
	// own gives every run a server of its own, because a case changes it for all.
	own bool
	// prepare does to a running server what no request can.
	prepare func(*testing.T, *server)
}

// variants are the servers that a case can name.
func variants() map[string]variant {
	return map[string]variant{
		"default":       {},
		"own":           {own: true},
		"canonical":     {policy: mapping.Canonical},
		"small-limit":   {config: func(c *config.Serve) { c.MaxBody = "1KiB" }},
		"short-wait":    {config: func(c *config.Serve) { c.BodyTimeout = 200 * time.Millisecond }},
		"maintenance":   {config: func(c *config.Serve) { c.Maintenance = true }},
		"no-limit":      {config: func(c *config.Serve) { c.RateLimit = "off" }},
		"rate-limited":  {config: func(c *config.Serve) { c.RateLimit = "3/1h" }, own: true},
		"expired":       {config: func(c *config.Serve) { c.SessionTTL = time.Nanosecond }},
		"draining":      {config: func(c *config.Serve) { c.DrainDelay = drainDelay }, own: true, prepare: beginStop},
		"broken-store":  {config: keepData, prepare: breakStore},
		"busy-store":    {config: keepData, own: true, prepare: lockStore},
		"compressing":   {config: func(c *config.Serve) { c.Gzip = true }},
		"cross-origin":  {config: func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com"} }},
		"one-at-once":   {config: func(c *config.Serve) { c.Concurrency = 1 }, own: true, prepare: holdAnonymous},
		"one-in-flight": {config: func(c *config.Serve) { c.MaxInFlight = 1 }, own: true, prepare: holdOne},
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

// A server is a whole program that serves.
type server struct {
	// Client sends to it over HTTP.
	*conformance.Client

	name   string
	params app.Params
	app    *app.App
	// proxy serves REST in the app's place, if not nil.
	proxy *app.Proxy
	// tls is how clients reach it, if it is served over TLS.
	tls  *tls.Config
	grpc *grpc.ClientConn
	log  *lockedBuffer
	// tokens are access tokens by user.
	tokens map[string]string
	// stop ends serving; it does not wait for it.
	stop context.CancelFunc
	done chan error
}

// lockedBuffer keeps the log, to be shown when a case fails.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start runs a server until the test is over.
func start(t *testing.T, name string) *server {
	t.Helper()
	return startOver(t, name, nil)
}

// startOver is start, over TLS if there is a certificate.
func startOver(t *testing.T, name string, secure *certificate) *server {
	t.Helper()
	v := variants()[name]
	settings := config.Defaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.HTTPAddr, settings.GRPCAddr = "127.0.0.1:0", "127.0.0.1:0"
	settings.PublicURL = publicURL
	settings.Demo = true
	settings.RateLimit = "1000000/1h"
	if v.config != nil {
		v.config(&settings)
	}
	if !settings.Demo {
		settings.DataDir = t.TempDir()
	}
	if secure != nil {
		settings.TLSCert, settings.TLSKey = secure.certFile, secure.keyFile
	}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	s := &server{name: name, log: &lockedBuffer{}, done: make(chan error, 1)}
	s.params = app.Params{
		Config: settings, Table: policyOf(t, v), Logger: newLogger(s.log), LogQueue: noDrops{},
		Now: time.Now, HashCost: bcrypt.MinCost, Build: app.Build{Version: "test"},
	}
	if secure != nil {
		s.tls = secure.client
	}
	s.run(t)
	s.login(t)
	if v.prepare != nil {
		v.prepare(t, s)
	}
	return s
}

func policyOf(t *testing.T, v variant) *mapping.Table {
	t.Helper()
	name := v.policy
	if name == "" {
		name = mapping.Documented
	}
	if v.edit == nil {
		table, err := mapping.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	source, err := os.ReadFile(filepath.Join("../../../gateway/mapping", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := mapping.Load(name+".yaml", []byte(v.edit(string(source))))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// address is where REST is served.
func (s *server) address() string {
	if s.proxy != nil {
		return s.proxy.HTTPAddr()
	}
	return s.app.HTTPAddr()
}

// connect makes the client of a server that listens.
func (s *server) connect() {
	s.Client = conformance.NewClient(conformance.ClientParams{
		Address: s.address(), TLS: s.tls, Next: "/healthz", NextStatus: http.StatusOK, Invariants: s.invariants(),
		Check: s.checkDocumented,
	})
}

// pages are those of the server's own that cases ask for.
func pages() []string { return []string{"/healthz", "/readyz", "/statuses", "/statuses/"} }

// invariants are what is true of every answer of the server.
func (s *server) invariants() conformance.Invariants {
	allowance := conformance.AllowanceTold
	if s.params.Config.RateLimit == "off" {
		allowance = conformance.AllowanceNone
	}
	return conformance.Invariants{
		Table: s.params.Table, PublicURL: publicURL, Allowance: allowance, Pages: pages(), Also: nil,
	}
}

func (s *server) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	program, err := app.New(ctx, s.params)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s.app, s.stop = program, stop
	if s.grpc, err = grpc.NewClient(program.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		stop()
		t.Fatal(err)
	}
	s.connect()
	go func() { s.done <- program.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		s.Close()
		err := errors.Join(s.grpc.Close(), <-s.done, program.Close())
		if err != nil {
			t.Errorf("stopping the server %s: %v", s.name, err)
		}
		s.checkLog(t)
	})
}

// login gets the users their tokens.
func (s *server) login(t *testing.T) {
	t.Helper()
	s.tokens = map[string]string{}
	users := map[string]string{"viewer": "demo", "editor": "demo", "admin": "demo"}
	if !s.params.Config.Demo {
		users = map[string]string{"admin": s.app.Start.AdminPassword}
	}
	for user, password := range users {
		s.tokens[user] = s.token(t, user, password)
	}
}

func (s *server) token(t *testing.T, user, password string) string {
	t.Helper()
	v := conformance.Variables{}
	_, err := s.Perform(t.Context(), conformance.OverHTTP1, v, conformance.Exchange{
		Request: conformance.Request{Method: "POST", Target: "/v1/sessions", JSON: asJSON(map[string]any{"username": user, "password": password})},
		Response: conformance.Response{
			Status: http.StatusCreated, Capture: map[string]string{"token": "/accessToken"},
		},
	})
	if err != nil {
		t.Fatalf("logging in as %s: %v", user, err)
	}
	return v["token"]
}

// hold sends a request whose body it keeps back until the test is over. The answer 100
// shows that the request is being handled.
func (s *server) hold(t *testing.T, head ...string) {
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

func holdAnonymous(t *testing.T, s *server) {
	t.Helper()
	s.hold(t, "POST /v1/sessions HTTP/1.1")
}

func holdOne(t *testing.T, s *server) {
	t.Helper()
	s.occupy(t)
}

// drainDelay is long enough for a case to run meanwhile.
const drainDelay = 5 * time.Second

// beginStop makes a server stop, which then waits for load balancers.
func beginStop(t *testing.T, s *server) {
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
func breakStore(t *testing.T, s *server) {
	t.Helper()
	database := s.openStore(t)
	if _, err := database.ExecContext(t.Context(), "ALTER TABLE entities RENAME TO secret_table"); err != nil {
		t.Fatal(err)
	}
}

// lockStore holds the database's write lock until the test is over.
func lockStore(t *testing.T, s *server) {
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

func (s *server) openStore(t *testing.T) *sql.DB {
	t.Helper()
	database, err := sql.Open("sqlite", filepath.Join(s.params.Config.DataDir, "statusway.db")+"?_pragma=busy_timeout(10000)") // The server may be writing.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	return database
}

// A fleet starts each variant once, when the first case asks for it.
type fleet struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[string]func() *server
}

// newFleet returns servers that serve until t and its subtests are over.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	return &fleet{t: t, servers: map[string]func() *server{}}
}

// server returns the server of a variant: a new one for t if each run has its own.
func (f *fleet) server(t *testing.T, name string) *server {
	t.Helper()
	if variants()[name].own {
		return start(t, name)
	}
	f.mu.Lock()
	once, ok := f.servers[name]
	if !ok {
		once = sync.OnceValue(func() *server { return start(f.t, name) })
		f.servers[name] = once
	}
	f.mu.Unlock()
	return once()
}
