// Package app_test runs the program as a whole. Every file in testdata/cases states
// one request and its answer, over HTTP and over gRPC; these tests run each of them
// against a server that listens, over every transport.
package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// A run is what came of a case over one transport.
type run struct {
	server *server
	vars   variables
	answer *answer
}

func TestCases(t *testing.T) {
	t.Parallel()
	servers := newFleet(t)
	for _, c := range loadCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			runs := &runs{}
			for _, transport := range []string{overHTTP1, overH2C} {
				if c.runs(transport) {
					t.Run(transport, func(t *testing.T) {
						t.Parallel()
						runs.keep(transport, runHTTP(t, servers, c, transport))
					})
				}
			}
			if c.runs(overGRPC) {
				t.Run(overGRPC, func(t *testing.T) {
					t.Parallel()
					runGRPC(t, servers, c)
				})
			}
			t.Cleanup(func() {
				if c.Varies != "" || t.Failed() {
					return
				}
				if err := sameOverBoth(runs.byTransport[overHTTP1], runs.byTransport[overH2C]); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// runs keeps what came of one case.
type runs struct {
	mu          sync.Mutex
	byTransport map[string]*run
}

func (r *runs) keep(transport string, one *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byTransport == nil {
		r.byTransport = map[string]*run{}
	}
	r.byTransport[transport] = one
}

func runHTTP(t *testing.T, servers *fleet, c testCase, transport string) *run {
	t.Helper()
	s := servers.server(t, c.variant())
	r, err := s.runHTTP(t.Context(), c, transport)
	if err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	return r
}

// runHTTP does all of a case over HTTP.
func (s *server) runHTTP(ctx context.Context, c testCase, transport string) (*run, error) {
	r := &run{server: s, vars: newVariables(s)}
	if err := s.steps(ctx, transport, r.vars, c.Before); err != nil {
		return nil, fmt.Errorf("before: %w", err)
	}
	var err error
	if r.answer, err = s.perform(ctx, transport, r.vars, c.exchange); err != nil {
		return nil, err
	}
	if err := s.steps(ctx, transport, r.vars, c.After); err != nil {
		return nil, fmt.Errorf("after: %w", err)
	}
	return r, s.isAlive(ctx)
}

func runGRPC(t *testing.T, servers *fleet, c testCase) {
	t.Helper()
	s := servers.server(t, c.variant())
	v := newVariables(s)
	if err := s.steps(t.Context(), overHTTP1, v, c.Before); err != nil {
		t.Fatalf("%s\nbefore: %v", c.Title, err)
	}
	if err := s.call(t.Context(), v, c.As, c.GRPC); err != nil {
		t.Fatalf("%s\n%v", c.Title, err)
	}
	if err := s.steps(t.Context(), overHTTP1, v, c.After); err != nil {
		t.Fatalf("%s\nafter: %v", c.Title, err)
	}
	if err := s.isAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// isAlive asks on a new connection whether the process still answers.
func (s *server) isAlive(ctx context.Context) error {
	_, err := s.perform(ctx, overHTTP1, variables{}, exchange{
		Request: request{Method: "GET", Target: "/healthz"}, Response: response{Status: 200},
	})
	if err != nil {
		return fmt.Errorf("the server is not alive: %w\n%s", err, s.log)
	}
	return nil
}

func (s *server) steps(ctx context.Context, transport string, v variables, steps []exchange) error {
	for i, step := range steps {
		if _, err := s.perform(ctx, transport, v, step); err != nil {
			return fmt.Errorf("step %d, %s %s: %w", i+1, step.Request.Method, step.Request.Target, err)
		}
	}
	return nil
}
