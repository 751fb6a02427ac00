// Package cases_test runs every case of server/testdata/cases against the whole program,
// over every transport and through the proxy. A case lies in the folder of its row, and
// states one request and its response, over HTTP and over gRPC:
//
//	go test ./server/internal/cases -run 'TestCases/404-route/proxied'
//
// The other tests hold the cases together: they check that each row, route, reason and
// documented success has a case (cover_test.go), that MapStatus describes what the gateway
// sent (agree_test.go), and that the conformance suite passes on both backends
// (suite_test.go).
package cases_test

import (
	"sync"
	"testing"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// A way is one in which a client reaches the services over HTTP.
type way struct {
	name, transport string
	isTLS           bool
	isProxied       bool
}

// ways are all of them. The proxy learns about the services from server reflection alone.
func ways() []way {
	return []way{
		{name: "HTTP/1.1", transport: conformance.OverHTTP1},
		{name: "h2c", transport: conformance.OverH2C},
		{name: "TLS", transport: conformance.OverH2C, isTLS: true},
		{name: "proxied HTTP/1.1", transport: conformance.OverHTTP1, isProxied: true},
		{name: "proxied h2c", transport: conformance.OverH2C, isProxied: true},
	}
}

// waysOf returns the ways in which a case runs: all that it can run in, or one of them
// if the race detector is on. Neighbours then run in different ways.
func waysOf(c conformance.Case, at int) []way {
	var can []way
	for _, w := range ways() {
		if c.Runs(w.transport) && (!w.isProxied || apptest.NotProxied(c) == "") {
			can = append(can, w)
		}
	}
	if underRace && len(can) > 0 {
		return []way{can[at%len(can)]}
	}
	return can
}

// TestCases runs each case in every way (see [waysOf]), and over gRPC. Over HTTP the responses are equal,
// byte by byte.
func TestCases(t *testing.T) {
	t.Parallel()
	plain, secure := apptest.NewFleet(t), apptest.NewSecureFleet(t)
	for i, c := range apptest.LoadCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			all := &results{}
			for _, w := range waysOf(c, i) {
				t.Run(w.name, func(t *testing.T) {
					t.Parallel()
					servers := plain
					if w.isTLS {
						servers = secure
					}
					s := servers.Server(t, c.Variant())
					if w.isProxied {
						s = servers.Proxy(t, s)
					}
					got := s.MustRun(t, c, w.transport)
					all.add(w, got)
					if w.isTLS && got.Answer.Header.Get("Strict-Transport-Security") == "" {
						t.Error("Strict-Transport-Security is missing")
					}
				})
			}
			if c.Runs(conformance.OverGRPC) {
				t.Run("gRPC", func(t *testing.T) {
					t.Parallel()
					runGRPC(t, plain.Server(t, c.Variant()), c)
				})
			}
			t.Cleanup(func() {
				if c.Varies == "" && !t.Failed() {
					all.compare(t)
				}
			})
		})
	}
}

// results are those of one case.
type results struct {
	mu   sync.Mutex
	ways []way
	runs []*conformance.Run
}

func (r *results) add(w way, run *conformance.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ways, r.runs = append(r.ways, w), append(r.runs, run)
}

func (r *results) compare(t *testing.T) {
	t.Helper()
	for i := 1; i < len(r.runs); i++ {
		if err := conformance.Same(r.runs[0], r.runs[i]); err != nil {
			t.Errorf("%s and %s: %v", r.ways[0].name, r.ways[i].name, err)
		}
	}
}

func runGRPC(t *testing.T, s *apptest.Server, c conformance.Case) {
	t.Helper()
	v := s.Variables()
	if err := s.Before(t.Context(), c, conformance.OverHTTP1, v); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := call(t.Context(), s, v, c.As, c.GRPC); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := s.After(t.Context(), c, conformance.OverHTTP1, v); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := s.IsAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
}
