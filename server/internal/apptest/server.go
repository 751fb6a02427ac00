package apptest

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// PublicURL is the public URL of every server, so that the documents and the responses
// of two servers are equal although their ports differ.
const PublicURL = "https://api.example.test"

// A Check looks at one exchange with a server, beside what [conformance] checks.
type Check func(ctx context.Context, s *Server, m *conformance.Message, got *conformance.Answer) error

// A Server is the whole program, serving.
type Server struct {
	// Client sends HTTP requests to it.
	*conformance.Client

	Params app.Params
	App    *app.App
	// Proxy serves REST in place of App, if it is not nil.
	Proxy *app.Proxy
	// TLS is the configuration of its clients, if it uses TLS.
	TLS  *tls.Config
	GRPC *grpc.ClientConn
	Log  *Log
	// Tokens has the access token of each user.
	Tokens map[string]string
	// Done receives the result of App.Run.
	Done chan error

	name  string
	check Check
	// stop makes it stop; it does not wait for the end.
	stop context.CancelFunc
}

// Start starts the server of a variant, until the test is over.
func Start(t *testing.T, name string) *Server {
	t.Helper()
	return start(t, name, nil, nil)
}

// StartTLS is [Start] with TLS.
func StartTLS(t *testing.T, name string, secure *Certificate) *Server {
	t.Helper()
	return start(t, name, secure, nil)
}

func start(t *testing.T, name string, secure *Certificate, check Check) *Server {
	t.Helper()
	v := Variants()[name]
	s := newServer(t, name, func(c *config.Serve) {
		if v.config != nil {
			v.config(c)
		}
		if !c.Demo {
			c.DataDir = t.TempDir()
		}
		if secure != nil {
			c.TLSCert, c.TLSKey = secure.CertFile, secure.KeyFile
		}
	})
	s.Params.Table, s.check = PolicyOf(t, v), check
	if secure != nil {
		s.TLS = secure.Client
	}
	s.Launch(t)
	s.Login(t)
	if v.prepare != nil {
		v.prepare(t, s)
	}
	return s
}

// newServer returns a demo server that does not serve yet; change edits its configuration.
func newServer(t *testing.T, name string, change func(*config.Serve)) *Server {
	t.Helper()
	settings := config.Defaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.HTTPAddr, settings.GRPCAddr, settings.PublicURL = "127.0.0.1:0", "127.0.0.1:0", PublicURL
	settings.Demo, settings.RateLimit = true, "1000000/1h"
	if change != nil {
		change(&settings)
	}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	s := &Server{name: name, Log: &Log{}, Done: make(chan error, 1)}
	s.Params = app.Params{
		Config: settings, Table: PolicyOf(t, Variant{}), Logger: NewLogger(s.Log), LogQueue: noDrops{}, Traces: nil,
		Now: time.Now, HashCost: bcrypt.MinCost, Build: app.Build{Version: "test"},
	}
	return s
}

// noDrops is the queue of a log that drops nothing.
type noDrops struct{}

func (noDrops) Dropped() uint64 { return 0 }

// New returns a demo server that does not serve yet. A nil table means the documented
// policy.
func New(t *testing.T, change func(*config.Serve), table *policy.Table, now func() time.Time) *Server {
	t.Helper()
	s := newServer(t, "default", change)
	s.Params.Now = now
	if table != nil {
		s.Params.Table = table
	}
	return s
}

// Serve starts what [New] returns.
func Serve(t *testing.T, change func(*config.Serve), table *policy.Table, now func() time.Time) *Server {
	t.Helper()
	s := New(t, change, table, now)
	s.Launch(t)
	s.Login(t)
	return s
}

// Persistent starts a server with its data in a folder. It has only the user admin.
func Persistent(t *testing.T, now func() time.Time) *Server {
	t.Helper()
	s := newServer(t, "persistent", func(c *config.Serve) {
		c.Demo, c.DataDir, c.SessionTTL, c.RateLimit = false, t.TempDir(), 48*time.Hour, config.Defaults().RateLimit
	})
	s.Params.Now, s.Params.LogQueue = now, nil
	s.Launch(t)
	s.Login(t)
	return s
}

// StartAgain starts another server with the same configuration, on the same data.
func (s *Server) StartAgain(t *testing.T) *Server {
	t.Helper()
	other := &Server{name: s.name + " again", Params: s.Params, Tokens: s.Tokens, Log: s.Log, Done: make(chan error, 1)}
	other.Launch(t)
	return other
}

// Address is the address of REST.
func (s *Server) Address() string {
	if s.Proxy != nil {
		return s.Proxy.HTTPAddr()
	}
	return s.App.HTTPAddr()
}

// Connect makes the client of a server that listens.
func (s *Server) Connect() {
	p := conformance.ClientParams{
		Address: s.Address(), TLS: s.TLS, Next: "/healthz", NextStatus: http.StatusOK, Invariants: s.Invariants(),
		Check: nil, Patience: 0, Waiting: nil,
	}
	if s.check != nil {
		p.Check = func(ctx context.Context, m *conformance.Message, got *conformance.Answer) error {
			return s.check(ctx, s, m, got)
		}
	}
	s.Client = conformance.NewClient(p)
}

// Pages are the paths of the server's own pages that cases ask for.
func Pages() []string { return []string{"/healthz", "/readyz", "/statuses", "/statuses/"} }

// Invariants returns the checks that every response of the server must pass.
func (s *Server) Invariants() conformance.Invariants {
	allowance := conformance.AllowanceTold
	if s.Params.Config.RateLimit == "off" {
		allowance = conformance.AllowanceNone
	}
	return conformance.Invariants{
		Table: s.Params.Table, PublicURL: PublicURL, Allowance: allowance, Pages: Pages(), Also: nil,
	}
}

// Launch starts serving, until the test is over.
func (s *Server) Launch(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	program, err := app.New(ctx, s.Params)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s.App, s.stop = program, stop
	if s.GRPC, err = grpc.NewClient(program.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		stop()
		t.Fatal(err)
	}
	s.Connect()
	go func() { s.Done <- program.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		s.Close()
		err := errors.Join(s.GRPC.Close(), <-s.Done, program.Close())
		if err != nil {
			t.Errorf("stopping the server %s: %v", s.name, err)
		}
		s.checkLog(t)
	})
}

// Login logs all users in.
func (s *Server) Login(t *testing.T) {
	t.Helper()
	s.Tokens = map[string]string{}
	users := map[string]string{"viewer": "demo", "editor": "demo", "admin": "demo"}
	if !s.Params.Config.Demo {
		users = map[string]string{"admin": s.App.Start.AdminPassword}
	}
	for user, password := range users {
		s.Tokens[user] = s.token(t, user, password)
	}
}

func (s *Server) token(t *testing.T, user, password string) string {
	t.Helper()
	v := conformance.Variables{}
	_, err := s.Perform(t.Context(), conformance.OverHTTP1, v, conformance.Exchange{
		Request: conformance.Request{Method: "POST", Target: "/v1/sessions", JSON: JSON(map[string]any{"username": user, "password": password})},
		Response: conformance.Response{
			Status: http.StatusCreated, Capture: map[string]string{"token": "/accessToken"},
		},
	})
	if err != nil {
		t.Fatalf("logging in as %s: %v", user, err)
	}
	return v["token"]
}
