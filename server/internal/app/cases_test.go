// Package app_test runs the program as a whole. Every file in testdata/cases states
// one request and its answer, over HTTP and over gRPC; these tests run each of them
// against a server that listens, over every transport.
package app_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/statusway/statusway/server/internal/conformance"
)

func TestCases(t *testing.T) {
	t.Parallel()
	servers := newFleet(t)
	for _, c := range loadCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			runs := &runs{}
			for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
				if c.Runs(transport) {
					t.Run(transport, func(t *testing.T) {
						t.Parallel()
						runs.keep(transport, runHTTP(t, servers, c, transport))
					})
				}
			}
			if c.Runs(conformance.OverGRPC) {
				t.Run(conformance.OverGRPC, func(t *testing.T) {
					t.Parallel()
					runGRPC(t, servers, c)
				})
			}
			t.Cleanup(func() {
				if c.Varies != "" || t.Failed() {
					return
				}
				if err := conformance.Same(runs.byTransport[conformance.OverHTTP1], runs.byTransport[conformance.OverH2C]); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// runs keeps what came of one case.
type runs struct {
	mu          sync.Mutex
	byTransport map[string]*conformance.Run
}

func (r *runs) keep(transport string, one *conformance.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byTransport == nil {
		r.byTransport = map[string]*conformance.Run{}
	}
	r.byTransport[transport] = one
}

func runHTTP(t *testing.T, servers *fleet, c conformance.Case, transport string) *conformance.Run {
	t.Helper()
	s := servers.server(t, c.Variant())
	r, err := s.runHTTP(t.Context(), c, transport)
	if err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	return r
}

// runHTTP does all of a case over HTTP.
func (s *server) runHTTP(ctx context.Context, c conformance.Case, transport string) (*conformance.Run, error) {
	r, err := s.Run(ctx, c, transport, newVariables(s))
	if err != nil {
		return nil, err
	}
	return r, s.isAlive(ctx)
}

// casesFolder holds one file a case. The files are data and nothing else: whoever
// can send HTTP and gRPC can run them.
const casesFolder = "../../testdata/cases"

// loadCases reads every case, or fails with the name of each file that is wrong.
func loadCases(t *testing.T) []conformance.Case {
	t.Helper()
	cases, err := conformance.Load(os.DirFS(casesFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if _, known := variants()[c.Variant()]; !known {
			t.Fatalf("%s: there is no server %q", c.Name, c.Server)
		}
	}
	return cases
}

func newVariables(s *server) conformance.Variables { return conformance.NewVariables(s.tokens) }

func runGRPC(t *testing.T, servers *fleet, c conformance.Case) {
	t.Helper()
	s := servers.server(t, c.Variant())
	v := newVariables(s)
	if err := s.Before(t.Context(), c, conformance.OverHTTP1, v); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := s.call(t.Context(), v, c.As, c.GRPC); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := s.After(t.Context(), c, conformance.OverHTTP1, v); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := s.isAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// isAlive asks on a new connection whether the process still answers.
func (s *server) isAlive(ctx context.Context) error {
	_, err := s.Perform(ctx, conformance.OverHTTP1, conformance.Variables{}, conformance.Exchange{
		Request: conformance.Request{Method: "GET", Target: "/healthz"}, Response: conformance.Response{Status: 200},
	})
	if err != nil {
		return fmt.Errorf("the server is not alive: %w\n%s", err, s.log)
	}
	return nil
}
