package app_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// TestCasesProxied runs the cases once more through the command proxy, before the same
// program's gRPC port. The proxy knows nothing of the program but what server
// reflection says, and the answers are the same, byte for byte.
func TestCasesProxied(t *testing.T) {
	t.Parallel()
	servers, proxies := newFleet(t), newProxies(t)
	for _, c := range loadCases(t) {
		if because := notProxied(c); because != "" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			s := servers.server(t, c.Variant())
			proxied := proxies.before(t, s)
			var direct *conformance.Run
			for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
				if !c.Runs(transport) {
					continue
				}
				if direct == nil {
					direct = runCase(t, s, c, transport)
				}
				if err := conformance.Same(direct, runCase(t, proxied, c, transport)); err != nil && c.Varies == "" {
					t.Errorf("%s\nproxied over %s: %v", c.Title, transport, err)
				}
			}
		})
	}
}

func runCase(t *testing.T, s *server, c conformance.Case, transport string) *conformance.Run {
	t.Helper()
	r, err := s.runHTTP(t.Context(), c, transport)
	if err != nil {
		t.Fatalf("%s\nproxied: %t, over %s: %v", c.Title, s.proxy != nil, transport, err)
	}
	return r
}

// notProxied says why a case does not run through the proxy; nothing if it does.
func notProxied(c conformance.Case) string {
	switch c.Variant() {
	case "rate-limited":
		return "the proxy knows no users, so it counts addresses"
	case "maintenance":
		return "which paths maintenance closes is the program's own; before gRPC it answers, but not before the token"
	case "draining", "one-at-once", "one-in-flight":
		return "it is the proxy that would have to stop, or to be held up"
	}
	switch c.Name {
	case "401-before-400", "401-before-415", "401-before-continue", "401-slow-body", "401-token-in-query":
		return "the proxy knows no tokens: what is wrong with the request itself it says first, and the backend looks at the token"
	case "400-hundred-violations":
		return "over gRPC the program tells only as many violations as fit into the header of any client"
	case "201-key-again", "201-key-of-another", "202-key-again", "400-key-malformed", "400-key-reused", "409-key-again":
		return "a kept answer belongs to a user, and the proxy knows none: it refuses every Idempotency-Key"
	case "200-status-page", "200-status-page-other-tag", "200-status-pages":
		return "a page lets people try what its server has, and the proxy does not know what that is"
	}
	return ""
}

// proxies start one proxy for each server.
type proxies struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[*server]func() *server
}

func newProxies(t *testing.T) *proxies {
	t.Helper()
	return &proxies{t: t, servers: map[*server]func() *server{}}
}

// before returns s with a proxy in its place.
func (p *proxies) before(t *testing.T, s *server) *server {
	t.Helper()
	if variants()[s.name].own {
		return startProxy(t, s)
	}
	p.mu.Lock()
	once, ok := p.servers[s]
	if !ok {
		once = sync.OnceValue(func() *server { return startProxy(p.t, s) })
		p.servers[s] = once
	}
	p.mu.Unlock()
	return once()
}

func startProxy(t *testing.T, s *server) *server {
	t.Helper()
	settings := config.ProxyDefaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.Front = s.params.Config.Front
	settings.Backend = []string{s.app.GRPCAddr()}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	proxy, err := app.NewProxy(ctx, app.ProxyParams{
		Config: settings, Table: s.params.Table, Logger: s.params.Logger, Traces: s.params.Traces, Now: time.Now,
	})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx) }()
	proxied := *s
	proxied.proxy = proxy
	proxied.connect()
	t.Cleanup(func() {
		stop()
		proxied.Close()
		if err := errors.Join(<-done, proxy.Close()); err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
	})
	return &proxied
}
