package rules_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/rules"
)

// checklist: PRE-01, PRE-02, PRE-06
func TestPreferByMethod(t *testing.T) {
	t.Parallel()
	const everything = "return=minimal, respond-async, wait=10, handling=strict"
	none := rfc9110.Preferences{}
	for name, test := range map[string]struct {
		method string // empty for a request without a route
		prefer []string
		vary   bool
		want   rfc9110.Preferences
	}{
		"no route":                    {"", []string{everything}, false, none},
		"honours none":                {"GetEntity", []string{everything}, false, none},
		"honours none, nor in writes": {"DeleteEntity", []string{everything}, false, none},
		"return":                      {"CreateEntity", []string{everything}, true, rfc9110.Preferences{Return: rfc9110.ReturnMinimal}},
		"return, not asked":           {"CreateEntity", nil, true, none},
		"return, contradicted":        {"PutEntity", []string{"return=minimal", "return=representation"}, true, none},
		"malformed":                   {"UpdateEntity", []string{"=; @"}, true, none},
		"wait":                        {"ImportEntities", []string{everything}, true, rfc9110.Preferences{RespondAsync: true, Waits: true, Wait: 10 * time.Second}},
		"wait, not asked":             {"ImportEntities", nil, true, none},
		"wait of nothing":             {"ImportEntities", []string{"wait=0"}, true, rfc9110.Preferences{Waits: true}},
		"longest wait":                {"ImportEntities", []string{"wait=30"}, true, rfc9110.Preferences{Waits: true, Wait: 30 * time.Second}},
		"one second more":             {"ImportEntities", []string{"wait=31"}, true, rfc9110.Preferences{Waits: true, Wait: 30 * time.Second}},
		"centuries":                   {"ImportEntities", []string{"wait=99999999999999999999"}, true, rfc9110.Preferences{Waits: true, Wait: 30 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
			request.Header["Prefer"] = test.prefer
			if test.method != "" {
				ex.Binding = methodNamed(t, test.method)
			}
			called := false
			err := flat(rules.Prefer())(func(http.ResponseWriter, *http.Request) error {
				called = true
				return nil
			})(httptest.NewRecorder(), request)
			if err != nil || !called {
				t.Fatalf("a preference stopped the request: %v", err)
			}
			if diff := cmp.Diff(test.want, ex.Prefer); diff != "" {
				t.Errorf("preferences (-want +got):\n%s", diff)
			}
			if got := slices.Contains(ex.Fields["Vary"], "Prefer"); got != test.vary {
				t.Errorf("Vary is %q", ex.Fields["Vary"])
			}
		})
	}
}

// The fields that a later rule adds to Vary leave those of an earlier one.
func TestVaryGathers(t *testing.T) {
	t.Parallel()
	request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
	ex.Binding = methodNamed(t, "CreateEntity")
	handler := func(http.ResponseWriter, *http.Request) error { return nil }
	for _, rule := range []onion{
		flat(rules.Accept(nil)), flat(rules.Prefer()), flat(rules.CORS(rules.CrossOrigin{Origins: []string{"https://app.example.com"}}, declared(t).Index())),
	} {
		handler = rule(handler)
	}
	if err := handler(httptest.NewRecorder(), request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Origin", "Prefer", "Accept"}, ex.Fields["Vary"]); diff != "" {
		t.Errorf("Vary (-want +got):\n%s", diff)
	}
}

// measuring is a shedder that admits everything.
type measuring struct{ measured []bool }

func (m *measuring) Admit() (func(bool), bool) {
	return func(measured bool) { m.measured = append(m.measured, measured) }, true
}

// The time that a request was asked to wait does not show the server's load.
func TestOverloadDoesNotMeasureAWait(t *testing.T) {
	t.Parallel()
	shedder := &measuring{}
	for _, prefer := range []rfc9110.Preferences{
		{}, {RespondAsync: true}, {Waits: true}, {Waits: true, Wait: time.Second}, {RespondAsync: true, Waits: true, Wait: time.Second},
	} {
		request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
		ex.Binding, ex.Prefer = methodNamed(t, "ImportEntities"), prefer
		nothing := func(http.ResponseWriter, *http.Request) error { return nil }
		err := overload(rules.OverloadParams{Shedder: shedder})(nothing)(httptest.NewRecorder(), request)
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]bool{true, true, true, false, false}, shedder.measured); diff != "" {
		t.Errorf("measured (-want +got):\n%s", diff)
	}
}
