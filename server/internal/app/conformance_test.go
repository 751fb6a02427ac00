package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/conformance/suite"
)

// The service that conformance is shown by is a demo's alone, and needs no
// credentials there.
func TestConformanceServiceIsOfTheDemo(t *testing.T) {
	t.Parallel()
	const items = "/conformance/v1/items"
	wantStatus(t, serve(t, nil, nil, time.Now).do(t, "", get(items)), http.StatusOK, "")
	wantStatus(t, persistent(t, time.Now).do(t, "admin", get(items)), http.StatusNotFound, "ROUTE_NOT_FOUND")
}

// What conformance gets is documented too: of a backend that may send anything.
func TestConformanceIsDocumented(t *testing.T) {
	t.Parallel()
	all, err := suite.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for variant, policy := range map[string]string{"default": mapping.Documented, "canonical": mapping.Canonical} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			s := start(t, variant)
			// The backend states problems of its own, and sends an allowance.
			client := conformance.NewClient(conformance.ClientParams{
				Address: s.address(), Next: "/healthz", Check: s.checkDocumented,
				Invariants: conformance.Invariants{Table: s.params.Table, Allowance: conformance.AllowanceUnknown},
			})
			defer client.Close()
			for _, c := range all.Cases {
				// The echo of what ProtoJSON reads in more than one way: the document says in words that it does.
				if !c.RunsBy(policy) || !c.Runs(conformance.OverHTTP1) || c.Name == "200-echo-body" {
					continue
				}
				if _, err := client.Run(t.Context(), c.By(policy), conformance.OverHTTP1, conformance.NewVariables(nil)); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})
	}
}
