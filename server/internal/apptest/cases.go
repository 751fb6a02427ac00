package apptest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/statusway/statusway/server/internal/conformance"
)

// casesFolder has a folder for each row, and in it a file for each case. The files are
// data only: any program that can send HTTP and gRPC can run them.
const casesFolder = "../../testdata/cases"

// LoadCases reads every case. It fails with the name of each file that is wrong.
func LoadCases(t *testing.T) []conformance.Case {
	t.Helper()
	cases, err := conformance.Load(os.DirFS(casesFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if _, known := Variants()[c.Variant()]; !known {
			t.Fatalf("%s: there is no server %q", c.Name, c.Server)
		}
	}
	return cases
}

// Variables returns the values that a case can use, such as the users' access tokens.
func (s *Server) Variables() conformance.Variables { return conformance.NewVariables(s.Tokens) }

// RunHTTP runs all of a case over HTTP, and checks that the server is still alive.
func (s *Server) RunHTTP(ctx context.Context, c conformance.Case, transport string) (*conformance.Run, error) {
	r, err := s.Run(ctx, c, transport, s.Variables())
	if err != nil {
		return nil, err
	}
	return r, s.IsAlive(ctx)
}

// MustRun is [Server.RunHTTP] for a test that cannot go on without the result.
func (s *Server) MustRun(t *testing.T, c conformance.Case, transport string) *conformance.Run {
	t.Helper()
	r, err := s.RunHTTP(t.Context(), c, transport)
	if err != nil {
		t.Fatalf("%s\nproxied: %t, TLS: %t, over %s: %v", c.Title, s.Proxy != nil, s.TLS != nil, transport, err)
	}
	return r
}

// IsAlive asks for /healthz on a new connection.
func (s *Server) IsAlive(ctx context.Context) error {
	_, err := s.Perform(ctx, conformance.OverHTTP1, conformance.Variables{}, conformance.Exchange{
		Request: conformance.Request{Method: "GET", Target: "/healthz"}, Response: conformance.Response{Status: 200},
	})
	if err != nil {
		return fmt.Errorf("the server is not alive: %w\n%s", err, s.Log)
	}
	return nil
}
