//go:build !race

// The suite has thousands of exchanges, one after another, which take minutes under the
// race detector and give it little to find: the tests of package gateway give it more.

package cases_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/conformance/suite"
)

// The service that conformance is shown by is a demo's alone, and needs no
// credentials there.
func TestConformanceServiceIsOfTheDemo(t *testing.T) {
	t.Parallel()
	const items = "/conformance/v1/items"
	apptest.WantStatus(t, apptest.Serve(t, nil, nil, time.Now).Do(t, "", apptest.Get(items)), http.StatusOK, "")
	apptest.WantStatus(t, apptest.Persistent(t, time.Now).Do(t, "admin", apptest.Get(items)), http.StatusNotFound, "ROUTE_NOT_FOUND")
}

func builtin(t *testing.T) *suite.Suite {
	t.Helper()
	all, err := suite.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A target is one of the two backends, reached in one way.
type target struct {
	name, transport, address string
	client                   *conformance.Client
}

// addedByGRPC is the request metadata that gRPC adds on a connection, and that a call in
// the process does not have. Echo returns it.
var addedByGRPC = regexp.MustCompile(`"(:authority|content-type|user-agent)":\{"values":\["[^"]*"\]\},`)

// targets are all of them: generated handlers before services in the process, and a proxy
// that knows no more of them than server reflection says, each over HTTP/1.1 and HTTP/2,
// without TLS and with it.
func targets(t *testing.T) []target {
	t.Helper()
	cert := apptest.NewCertificate(t)
	generated, secure := apptest.Start(t, "default"), apptest.StartTLS(t, "default", cert)
	// The proxy speaks TLS to its clients alone.
	front := *generated
	front.Params.Config.TLSCert, front.Params.Config.TLSKey = cert.CertFile, cert.KeyFile
	front.TLS = cert.Client
	var all []target
	for _, one := range []struct {
		*apptest.Server

		name string
	}{
		{generated, "generated"},
		{apptest.StartProxy(t, generated), "dynamic"},
		{secure, "generated, TLS"},
		{apptest.StartProxy(t, &front), "dynamic, TLS"},
	} {
		client := conformance.NewClient(conformance.ClientParams{
			Address: one.Address(), TLS: one.TLS, Next: "/healthz", NextStatus: http.StatusOK,
			Invariants: conformance.Invariants{Table: one.Params.Table, PublicURL: "", Allowance: conformance.AllowanceUnknown},
		})
		t.Cleanup(client.Close)
		for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
			all = append(all, target{one.name + ", " + transport, transport, one.Address(), client})
		}
	}
	return all
}

// Both backends give the same answers, byte by byte, over every transport.
func TestBackendsAgree(t *testing.T) {
	t.Parallel()
	all := builtin(t)
	targets := targets(t)
	for _, c := range all.Cases {
		if !c.RunsBy(policy.Documented) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			var first *conformance.Run
			for _, one := range targets {
				if !c.Runs(one.transport) {
					continue
				}
				v := conformance.NewVariables(nil)
				v["address"] = one.address // which Echo returns, and no two of them have in common
				got, err := one.client.Run(t.Context(), c, one.transport, v)
				if err != nil {
					t.Errorf("%s\n%s: %v", c.Title, one.name, err)
					continue
				}
				got.Answer.Body = addedByGRPC.ReplaceAll(got.Answer.Body, nil)
				if first == nil {
					first = got
				}
				if err := conformance.Same(first, got); err != nil && c.Varies == "" {
					t.Errorf("%s\n%s: %v", c.Title, one.name, err)
				}
			}
		})
	}
}
