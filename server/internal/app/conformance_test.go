//go:build !race

// The suite has thousands of exchanges, one after another, which take minutes under the
// race detector and give it little to find: the tests of package gateway give it more.

package app_test

import (
	"net/http"
	"regexp"
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

// notDocumented says why a case does not keep to the OpenAPI document; nothing if it does.
func notDocumented(c conformance.Case) string {
	switch c.Name {
	case "200-echo-body":
		return "the document says in words that ProtoJSON reads it in more than one way"
	case "200-report", "200-report-query", "200-query-item", "200-query-idempotency-key", "304-query", "412-query-stale", "415-query":
		return "OpenAPI 3.1 has no operation for a custom method"
	case "200-chat-array", "200-chat-turns-array", "200-collect-array", "200-collect-empty-array":
		return "the document has the schema of one message, and does not know yet that an array is a client stream too"
	}
	return ""
}

// What conformance gets is documented too: of a backend that may send anything.
func TestConformanceIsDocumented(t *testing.T) {
	t.Parallel()
	all := builtin(t)
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
				if !c.RunsBy(policy) || !c.Runs(conformance.OverHTTP1) || notDocumented(c) != "" {
					continue
				}
				if _, err := client.Run(t.Context(), c.By(policy), conformance.OverHTTP1, conformance.NewVariables(nil)); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})
	}
}

func builtin(t *testing.T) *suite.Suite {
	t.Helper()
	all, err := suite.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A way is one of those in which a client reaches one of the two backends.
type way struct {
	name, transport, address string
	client                   *conformance.Client
	isTLS                    bool
}

// answersAlone says that net/http answers a case before the gateway does, until a later
// change: over HTTP/1.1 with TLS it refuses an Expect that it does not know.
func (w way) answersAlone(c conformance.Case) bool {
	return c.Name == "418-expect" && w.isTLS && w.transport == conformance.OverHTTP1
}

// addedByGRPC is the request metadata that gRPC adds on a connection, and that a call in
// the process does not have. Echo returns it.
var addedByGRPC = regexp.MustCompile(`"(:authority|content-type|user-agent)":\{"values":\["[^"]*"\]\},`)

// ways are all of them: generated handlers before services in the process, and a proxy
// that knows no more of them than server reflection says, each over HTTP/1.1 and HTTP/2,
// without TLS and with it.
func ways(t *testing.T) []way {
	t.Helper()
	cert := newCertificate(t)
	generated, secure := start(t, "default"), startOver(t, "default", cert)
	// The proxy speaks TLS to its clients alone.
	front := *generated
	front.params.Config.TLSCert, front.params.Config.TLSKey = cert.certFile, cert.keyFile
	front.tls = cert.client
	var all []way
	for _, one := range []struct {
		*server

		name string
	}{
		{generated, "generated"},
		{startProxy(t, generated), "dynamic"},
		{secure, "generated, TLS"},
		{startProxy(t, &front), "dynamic, TLS"},
	} {
		client := conformance.NewClient(conformance.ClientParams{
			Address: one.address(), TLS: one.tls, Next: "/healthz", NextStatus: http.StatusOK,
			Invariants: conformance.Invariants{Table: one.params.Table, PublicURL: "", Allowance: conformance.AllowanceUnknown},
		})
		t.Cleanup(client.Close)
		for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
			all = append(all, way{one.name + ", " + transport, transport, one.address(), client, one.tls != nil})
		}
	}
	return all
}

// Both backends give the same answers, byte by byte, over every transport.
func TestBackendsAgree(t *testing.T) {
	t.Parallel()
	all := builtin(t)
	ways := ways(t)
	for _, c := range all.Cases {
		if !c.RunsBy(mapping.Documented) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			var first *conformance.Run
			for _, one := range ways {
				if !c.Runs(one.transport) || one.answersAlone(c) {
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
