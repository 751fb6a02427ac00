package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
)

// record sends a request to a handler.
func record(tb testing.TB, handler http.Handler, method, target, body string, fields ...string) *httptest.ResponseRecorder {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(fields); i += 2 {
		request.Header.Add(fields[i], fields[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

const typeJSON = "application/json"

// The zero Config serves, with the documented policy and with limits.
func TestZeroConfig(t *testing.T) {
	t.Parallel()
	_, f := configure(t, policy.Documented)
	build(t, gateway.Config{}, f)
	if got := record(t, f.gateway, "GET", "/v1/entities/e1", ""); got.Code != http.StatusOK || got.Header().Get("Etag") != `"7"` {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if got := record(t, f.gateway, "POST", "/v1/entities", "{}", "Content-Type", typeJSON); got.Code != http.StatusCreated {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	large := `{"displayName": "` + strings.Repeat("x", gateway.DefaultMaxBody) + `"}`
	if got := record(t, f.gateway, "POST", "/v1/entities", large, "Content-Type", typeJSON); got.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	unacceptable := record(t, f.gateway, "GET", "/v1/entities/e1", "", "Accept", "image/png")
	if unacceptable.Code != http.StatusUnsupportedMediaType { // 406 by the policy canonical
		t.Errorf("%d %s", unacceptable.Code, unacceptable.Body)
	}
	checkPlace(t, unacceptable, "about:blank", "/v1/entities/e1")
	got := record(t, f.gateway, "GET", "/v1/entities/e1", "", "Idempotency-Key", `"k"`, "Forwarded", "for=192.0.2.9", "Origin", "https://a.example")
	if got.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got.Header())
	}
}

// A gateway without a backend has no routes, and serves its pages.
func TestNoBackend(t *testing.T) {
	t.Parallel()
	built, err := gateway.New(nil, gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	checkPlace(t, record(t, built, "GET", "/no/route", ""), "about:blank", "/no/route")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- built.Serve(ctx, listener) }()
	response, err := getEntity(t, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNotFound || built.Draining() {
		t.Errorf("%d, draining %t", response.StatusCode, built.Draining())
	}
	stop(gateway.ErrStopNow)
	if err := wait(t, done, "the end"); err != nil || !built.Draining() {
		t.Errorf("%v, draining %t", err, built.Draining())
	}
}

// A negative limit is none.
func TestNoLimits(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.MaxBody, c.BodyMemory, c.ResponseMemory, c.MaxCalls, c.MaxStreams, c.Deadline = -1, -1, -1, -1, -1, -1
	c.Intercept = func(gateway.Route, gateway.Handler) gateway.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			if _, limited := r.Context().Deadline(); err != nil || len(body) <= gateway.DefaultMaxBody || limited {
				return fmt.Errorf("%d bytes, %w, a deadline: %t", len(body), err, limited)
			}
			r.Body = io.NopCloser(strings.NewReader("{}"))
			gateway.Content(w, r, "text/plain", nil)
			return nil
		}
	}
	build(t, c, f)
	large := `{"displayName": "` + strings.Repeat("x", gateway.DefaultMaxBody) + `"}`
	if got := record(t, f.gateway, "POST", "/v1/entities", large, "Content-Type", typeJSON); got.Code != http.StatusOK {
		t.Errorf("%d %s\n%s", got.Code, got.Body, f.log)
	}
}

// New names everything that is wrong with a configuration.
func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := gateway.New(nil, gateway.Config{IPv6Prefix: 129, PublicURL: "example.com", PagesURL: "/docs"})
	for _, name := range []string{"IPv6Prefix", "PublicURL", "PagesURL"} {
		if !errors.Is(err, gateway.ErrConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := gateway.NewMapper(nil, gateway.Config{PublicURL: "example.com"}); !errors.Is(err, gateway.ErrConfig) {
		t.Errorf("NewMapper: %v", err)
	}
}

// Around adds handlers next to the gateway. Their responses are not the gateway's.
func TestAround(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.Logger = jsonLogger(f)
	c.Around = func(handler http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", handler)
		mux.HandleFunc("/beside", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "mine", http.StatusForbidden) })
		return mux
	}
	serve(t, c, f)
	beside := exchangeOnce(t, f, "GET", get("/beside"))
	if beside.StatusCode != http.StatusForbidden || string(beside.body) != "mine\n" || beside.Header.Get("X-Request-Id") != "" {
		t.Errorf("%d %v %s", beside.StatusCode, beside.Header, beside.body)
	}
	if got := exchangeOnce(t, f, "GET", get("/v1/entities/e1")); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if logged := awaitLine(t, f); logged["route"] != "/v1/entities/{id}" {
		t.Errorf("%v", logged)
	}
}

// Intercept wraps the call of each route once, and sees the requests that all rules let pass.
func TestIntercept(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	var wrapped []gateway.Route
	var called []string
	c.Intercept = func(route gateway.Route, call gateway.Handler) gateway.Handler {
		wrapped = append(wrapped, route)
		return func(w http.ResponseWriter, r *http.Request) error {
			called = append(called, route.Verb+" "+route.Path)
			if r.Header.Get("X-Refuse") != "" {
				return status.Error(codes.PermissionDenied, "not you")
			}
			return call(w, r)
		}
	}
	build(t, c, f)
	if want := f.served.Routes(); !slices.Equal(wrapped, want) {
		t.Errorf("wrapped %v, want %v", wrapped, want)
	}
	for _, test := range []struct {
		method, path, body string
		fields             []string
		status             int
		called             string
	}{
		{"GET", "/v1/entities/e1", "", nil, 200, "GET /v1/entities/{id}"},
		{"HEAD", "/v1/entities/e1", "", nil, 200, "GET /v1/entities/{id}"},
		{"GET", "/v1/entities/e1", "", []string{"X-Refuse", "1"}, 403, "GET /v1/entities/{id}"},
		{"POST", "/v1/entities", "{}", []string{"Content-Type", typeJSON}, 201, "POST /v1/entities"},
		{"POST", "/v1/entities", "{}", []string{"Content-Type", "text/plain"}, 415, ""},
		{"GET", "/v1/entities/e1", "", []string{"If-Match", "x"}, 400, ""},
		{"GET", "/no/route", "", nil, 404, ""},
		{"OPTIONS", "/v1/entities", "", nil, 204, ""},
	} {
		called = nil
		got := record(t, f.gateway, test.method, test.path, test.body, test.fields...)
		if got.Code != test.status || strings.Join(called, " ") != test.called {
			t.Errorf("%s %s %v: %d, called %v", test.method, test.path, test.fields, got.Code, called)
		}
	}
}

// What New cannot serve with is an error, and no panic at the first request.
func TestUnusableConfigs(t *testing.T) {
	t.Parallel()
	_, f := configure(t, policy.Documented)
	for name, c := range map[string]gateway.Config{
		"a page without a handler": {Pages: map[string]gateway.Page{"/page": {}}},
		"a page without a slash":   {Pages: map[string]gateway.Page{"page": {Handler: http.NotFoundHandler()}}},
		"Around":                   {Around: func(http.Handler) http.Handler { return nil }},
		"Intercept":                {Intercept: func(gateway.Route, gateway.Handler) gateway.Handler { return nil }},
	} {
		if _, err := gateway.New(f.served, c); !errors.Is(err, gateway.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := gateway.New(&gateway.Backend{}, gateway.Config{}); err == nil {
		t.Error("the zero value of a Backend is served")
	}
}

func TestMapperWithoutHandlersAndPolicy(t *testing.T) {
	t.Parallel()
	mapper, err := gateway.NewMapper(nil, gateway.Config{Pages: map[string]gateway.Page{"/statuses/404": {}}})
	if err != nil {
		t.Fatal(err)
	}
	if name := mapper.With(nil).Policy().Name(); name != policy.Documented {
		t.Errorf("the policy is %q", name)
	}
}
