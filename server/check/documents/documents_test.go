// Package documents_test checks what the program serves against the OpenAPI document that
// it serves beside it.
package documents_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/conformance/suite"
)

// TestCasesAreDocumented runs the cases, and checks every exchange with the program and
// with the proxy against its document. The responses over TLS are the same: see package
// cases.
func TestCasesAreDocumented(t *testing.T) {
	t.Parallel()
	servers := apptest.NewCheckedFleet(t, check)
	for _, c := range apptest.LoadCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
				if !c.Runs(transport) {
					continue
				}
				s := servers.Server(t, c.Variant())
				s.MustRun(t, c, transport)
				if apptest.NotProxied(c) == "" {
					servers.Proxy(t, s).MustRun(t, c, transport)
				}
			}
		})
	}
}

// notDocumented returns why a case of the suite differs from the OpenAPI document, or nothing
// if it does not.
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

// The suite's exchanges keep to the document too, although its backend may send anything.
func TestConformanceIsDocumented(t *testing.T) {
	t.Parallel()
	all := builtinSuite(t)
	for variant, policy := range map[string]string{"default": policy.Documented, "canonical": policy.Canonical} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, variant)
			// The backend states problems of its own, and sends an allowance.
			client := conformance.NewClient(conformance.ClientParams{
				Address: s.Address(), Next: "/healthz", Check: func(ctx context.Context, m *conformance.Message, got *conformance.Answer) error {
					return check(ctx, s, m, got)
				},
				Invariants: conformance.Invariants{Table: s.Params.Table, Allowance: conformance.AllowanceUnknown},
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

func builtinSuite(t *testing.T) *suite.Suite {
	t.Helper()
	all, err := suite.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The check finds each kind of fault.
func TestDocumentCheckBites(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	header := func(changes ...string) http.Header {
		h := http.Header{
			"X-Request-Id": {"x"}, "Cache-Control": {"no-store"}, "Vary": {"Accept"}, "Date": {"now"}, "Content-Type": {"application/json"},
		}
		for i := 0; i < len(changes); i += 2 {
			h[changes[i]] = []string{changes[i+1]}
			if changes[i+1] == "" {
				delete(h, changes[i])
			}
		}
		return h
	}
	const maintenance = `{"enabled":false,"retryAfter":0,"message":""}`
	problem := func(status int) string {
		return fmt.Sprintf(`{"type":"https://x/%d","title":"x","status":%d,"code":"UNKNOWN"}`, status, status)
	}
	problemType := []string{"Content-Type", "application/problem+json"}
	page := header("Content-Type", "text/html; charset=utf-8", "Cache-Control", "no-cache", "Etag", `"x"`)
	allowed := header(append(problemType, "Allow", "GET")...)
	type answer = conformance.Answer
	for _, test := range []struct {
		name           string
		method, target string
		body           string
		answer         answer
		want           string // in the error; empty if there is none
	}{
		{"as it is", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header(), Body: []byte(maintenance)}, ""},
		{"HEAD", "HEAD", "/v1/maintenance", "", answer{Status: 200, Header: header()}, ""},
		{"HEAD without a field", "HEAD", "/v1/maintenance", "", answer{Status: 200, Header: header("X-Request-Id", "")}, "X-Request-Id"},
		{"a member too much", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header(), Body: []byte(`{"more":1}`)}, "more"},
		{"a member of another type", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header(), Body: []byte(`{"enabled":"no"}`)}, "enabled"},
		{"no JSON", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header(), Body: []byte(`{`)}, "decoded"},
		{"another media type", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header("Content-Type", "text/plain"), Body: []byte("x")}, "text/plain"},
		{"a page", "GET", "/statuses/404", "", answer{Status: 200, Header: page, Body: []byte("<p>")}, ""},
		{"a page of the list", "GET", "/statuses", "", answer{Status: 200, Header: page, Body: []byte("<p>")}, ""},
		{"a page where there is none", "GET", "/v1/statuses/404", "", answer{Status: 200, Header: page, Body: []byte("<p>")}, "text/html"},
		{"another status", "GET", "/v1/maintenance", "", answer{Status: 402, Header: header(problemType...), Body: []byte(problem(402))}, "402"},
		{"a field too much", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header("Etag", `"x"`), Body: []byte(maintenance)}, "Etag"},
		{"a field too little", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header("Cache-Control", ""), Body: []byte(maintenance)}, "Cache-Control"},
		{"another value", "GET", "/v1/maintenance", "", answer{Status: 200, Header: header("Cache-Control", "public"), Body: []byte(maintenance)}, "cache-control"},
		{"a failure", "GET", "/v1/maintenance", "", answer{Status: 404, Header: header(problemType...), Body: []byte(problem(404))}, ""},
		{"a failure of another status", "GET", "/v1/maintenance", "", answer{Status: 404, Header: header(problemType...), Body: []byte(problem(400))}, "status"},
		{"no challenge", "GET", "/v1/maintenance", "", answer{Status: 401, Header: header(problemType...), Body: []byte(problem(401))}, "WWW-Authenticate"},
		{"another method", "POST", "/v1/maintenance", "", answer{Status: 405, Header: allowed, Body: []byte(problem(405))}, ""},
		{"another method, without Allow", "POST", "/v1/maintenance", "", answer{Status: 405, Header: header(problemType...), Body: []byte(problem(405))}, "Allow"},
		{"another method, with a success", "POST", "/v1/maintenance", "", answer{Status: 201, Header: header(), Body: []byte(maintenance)}, "201"},
		{"another path", "GET", "/v1/nothing", "", answer{Status: 404, Header: header(problemType...), Body: []byte(problem(404))}, ""},
		{"another path, with a success", "GET", "/v1/nothing", "", answer{Status: 200, Header: header(), Body: []byte("{}")}, "no such path"},
		{"a request that fits", "PUT", "/v1/maintenance", `{"enabled":true}`, answer{Status: 200, Header: header(), Body: []byte(maintenance)}, ""},
		{"a request that does not", "PUT", "/v1/maintenance", `{"enabled":"yes"}`, answer{Status: 200, Header: header(), Body: []byte(maintenance)}, "enabled"},
		{
			"a query that does not fit", "GET", "/v1/entities?pageSize=many", "",
			answer{Status: 200, Header: header("Cache-Control", "no-cache"), Body: []byte("{}")},
			"pageSize",
		},
		{
			"a line that does not fit", "GET", "/v1/entities:export", "",
			answer{Status: 200, Header: header("Content-Type", "application/x-ndjson"), Body: []byte("{\"result\":{\"id\":\"x\"}}\n{\"other\":{}}\n")},
			"other",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := &conformance.Message{Method: test.method, Target: test.target}
			m.Headers = [][2]string{{"Authorization", "Bearer x"}, {"Content-Type", "application/json"}}
			if test.body != "" {
				m.Body = []byte(test.body)
			}
			err := check(t.Context(), s, m, &test.answer)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
