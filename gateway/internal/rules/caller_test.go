package rules_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/identity"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

func TestRecover(t *testing.T) {
	t.Parallel()
	rule := around(rules.Recover)
	request, ex := ask(t, "GET", "/", "", "X-Request-Id", "r-1")
	panicking := rule(func(http.ResponseWriter, *http.Request) error { panic("secret") })

	err := panicking(httptest.NewRecorder(), request)
	if reasonOf(t, err) != policy.ReasonInternal || !strings.Contains(err.Error(), "secret") ||
		strings.Contains(respond.AsFailure(err).Status.GetMessage(), "secret") {
		t.Errorf("before: %v", err)
	}
	ex.Status = 200 // The status line has gone out.
	if value := caught(func() { _ = panicking(httptest.NewRecorder(), request) }); value != any(http.ErrAbortHandler) {
		t.Errorf("after: panicked with %v", value)
	}
	if ex.Failure == nil || !strings.Contains(ex.Failure.Error(), "secret") || !ex.Fault || ex.Code != int32(codes.Internal) {
		t.Errorf("noted %+v", ex.Record)
	}
	ex.Status = 0
	if value := caught(func() {
		_ = rule(func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) })(httptest.NewRecorder(), request)
	}); value != any(http.ErrAbortHandler) {
		t.Errorf("asked for: panicked with %v", value)
	}
	want := errors.New("plain")
	if err := rule(func(http.ResponseWriter, *http.Request) error { return want })(httptest.NewRecorder(), request); !errors.Is(err, want) {
		t.Errorf("without a panic: %v", err)
	}
}

func caught(f func()) (value any) { //nolint:nonamedreturns // a deferred call can set the result in no other way.
	defer func() { value = recover() }()
	f()
	return nil
}

func TestPages(t *testing.T) {
	t.Parallel()
	const page, options, next = "page", "options", "next"
	for name, test := range map[string]struct{ method, path, want string }{
		"get":            {"GET", "/healthz", page},
		"head":           {"HEAD", "/healthz", page},
		"options":        {"OPTIONS", "/healthz", options},
		"post":           {"POST", "/healthz", "405"},
		"invented":       {"BREW", "/healthz", "405"},
		"below it":       {"GET", "/healthz/", next},
		"before it":      {"GET", "/health", next},
		"something else": {"POST", "/v1/entities", next},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			note := func(what string) exchange.Handler {
				return func(http.ResponseWriter, *http.Request) error {
					got = what
					return nil
				}
			}
			request, ex := ask(t, test.method, test.path, "")
			err := flat(rules.Pages(rules.PageSet{"/healthz": {Serve: answering(note(page))}}, answering(note(options))))(note(next))(httptest.NewRecorder(), request)
			if test.want == "405" {
				if reasonOf(t, err) != policy.ReasonMethodNotAllowed || headerOf(err).Get("Allow") != "GET, HEAD, OPTIONS" || got != "" {
					t.Errorf("%v, %v", err, headerOf(err))
				}
				return
			}
			if err != nil || got != test.want || (ex.Fields.Get("Allow") != "") != (test.want == options) {
				t.Errorf("%s, %v, Allow %q", got, err, ex.Fields.Get("Allow"))
			}
		})
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	index := declared(t).Index()
	for name, test := range map[string]struct {
		method, target string
		want           string // the method's name, or the reason
		allow          string
	}{
		"get":                      {"GET", "/v1/entities/e1", "GetEntity", ""},
		"head":                     {"HEAD", "/v1/entities/e1", "GetEntity", ""},
		"escaped slash":            {"GET", "/v1/entities/a%2Fb", "GetEntity", ""},
		"custom verb":              {"GET", "/v1/entities:export", "ExportEntities", ""},
		"wrong method":             {"POST", "/v1/entities/e1", policy.ReasonMethodNotAllowed, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		"invented method":          {"BREW", "/v1/entities", policy.ReasonMethodNotAllowed, "GET, HEAD, OPTIONS, POST"},
		"lower case":               {"get", "/v1/entities", policy.ReasonMethodNotAllowed, "GET, HEAD, OPTIONS, POST"},
		"HEAD without GET":         {"HEAD", "/v1/entities:import", policy.ReasonMethodNotAllowed, "OPTIONS, POST"},
		"no such path":             {"GET", "/v1/nothing", policy.ReasonRouteNotFound, ""},
		"trailing slash":           {"GET", "/v1/entities/", policy.ReasonRouteNotFound, ""},
		"double slash":             {"GET", "//v1/entities", policy.ReasonRouteNotFound, ""},
		"dots":                     {"GET", "/v1/entities/../entities", policy.ReasonRouteNotFound, ""},
		"unknown verb":             {"GET", "/v1/entities:nope", policy.ReasonRouteNotFound, ""},
		"NUL":                      {"GET", "/v1/entities/a%00b", policy.ReasonInvalidArgument, ""},
		"NUL on HEAD":              {"HEAD", "/v1/entities/a%00b", policy.ReasonInvalidArgument, ""},
		"invalid UTF-8":            {"GET", "/v1/entities/%FF", policy.ReasonInvalidArgument, ""},
		"options":                  {"OPTIONS", "/v1/entities/e1", "options", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		"options of a route of it": {"OPTIONS", "/own", "Custom", ""},
		"options of nothing":       {"OPTIONS", "/v1/nothing", policy.ReasonRouteNotFound, ""},
		"options, NUL is a path":   {"OPTIONS", "/v1/entities/a%00b", "options", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, test.method, test.target, "")
			got := ""
			handler := flat(rules.Match(index, nil))(flat(rules.Routed(index, nil, answering(func(http.ResponseWriter, *http.Request) error {
				got = "options"
				return nil
			})))(func(http.ResponseWriter, *http.Request) error {
				got = string(ex.Binding.Method.Descriptor.Name())
				return nil
			}))
			err := handler(httptest.NewRecorder(), request)
			if err != nil {
				got = reasonOf(t, err)
			}
			if allow := headerOf(err).Get("Allow") + ex.Fields.Get("Allow"); got != test.want || allow != test.allow {
				t.Errorf("%s, Allow %q; want %s, %q", got, allow, test.want, test.allow)
			}
		})
	}
}

// A browser's preflight does not call a route for OPTIONS. Without CORS it is a request like
// any other.
func TestMatchPreflight(t *testing.T) {
	t.Parallel()
	index := declared(t).Index()
	for name, test := range map[string]struct {
		origins []string
		asked   string // Access-Control-Request-Method
		target  string
		want    string
		allow   string
	}{
		"an allowed origin":     {[]string{"https://app.example.com"}, "OPTIONS", "/own", "options", "OPTIONS"},
		"on another route":      {[]string{"https://app.example.com"}, "PUT", "/v1/entities/e1", "options", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		"on no route":           {[]string{"https://app.example.com"}, "PUT", "/v1/nothing", policy.ReasonRouteNotFound, ""},
		"another origin":        {[]string{"https://other.example"}, "OPTIONS", "/own", "Custom", ""},
		"no CORS":               {nil, "OPTIONS", "/own", "Custom", ""},
		"OPTIONS from a page":   {[]string{"*"}, "", "/own", "Custom", ""},
		"a preflight for QUERY": {[]string{"*"}, "QUERY", "/x:run", "options", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PURGE, PUT, QUERY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, http.MethodOptions, test.target, "", "Origin", "https://app.example.com")
			if test.asked != "" {
				request.Header.Set("Access-Control-Request-Method", test.asked)
			}
			got := ""
			handler := flat(rules.CORS(rules.CrossOrigin{Origins: test.origins}, index))(flat(rules.Match(index, nil))(
				flat(rules.Routed(index, nil, answering(func(http.ResponseWriter, *http.Request) error {
					got = "options"
					return nil
				})))(func(http.ResponseWriter, *http.Request) error {
					got = string(ex.Binding.Method.Descriptor.Name())
					return nil
				})))
			if err := handler(httptest.NewRecorder(), request); err != nil {
				got = reasonOf(t, err)
			}
			if allow := ex.Fields.Get("Allow"); got != test.want || allow != test.allow {
				t.Errorf("%s, Allow %q; want %s, %q", got, allow, test.want, test.allow)
			}
			if methods := ex.Fields.Get("Access-Control-Allow-Methods"); methods != "" && !strings.Contains(methods, "QUERY") {
				t.Errorf("Access-Control-Allow-Methods: %q", methods)
			}
		})
	}
}

// TestMatchTurnsNobodyAway: a request without a route has to be counted first.
func TestMatchTurnsNobodyAway(t *testing.T) {
	t.Parallel()
	index := declared(t).Index()
	request, ex := ask(t, "GET", "/v1/nothing", "")
	if passed, err := run(flat(rules.Match(index, nil)), request); !passed || err != nil || ex.Unrouted == nil || ex.Binding != nil {
		t.Errorf("passed %t, %v, unrouted %v", passed, err, ex.Unrouted)
	}
}

type limiterFunc func(ratelimit.Use) (ratelimit.Allowance, error)

func (f limiterFunc) Take(_ context.Context, use ratelimit.Use) (ratelimit.Allowance, error) {
	return f(use)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	open := ratelimit.Quota{Policy: "burst", Subject: "user:u", Limit: 9, Remaining: 8, Window: time.Minute, Reset: 1500 * time.Millisecond}
	spent := ratelimit.Quota{Policy: "daily", Subject: "user:u", Limit: 5, Window: 24 * time.Hour, Reset: time.Hour, Exceeded: true}
	for name, test := range map[string]struct {
		allowance ratelimit.Allowance
		err       error
		reason    string
		limit     [3]string // X-Rate-Limit-Limit, -Remaining, -Reset
	}{
		"left":     {ratelimit.Allowance{open}, nil, "", [3]string{"9", "8", "2"}},
		"spent":    {ratelimit.Allowance{open, spent}, nil, policy.ReasonRateLimited, [3]string{"5", "0", "3600"}},
		"no limit": {nil, nil, "", [3]string{}},
		"failing":  {nil, errors.New("redis is down"), "", [3]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var used ratelimit.Use
			limiter := limiterFunc(func(use ratelimit.Use) (ratelimit.Allowance, error) {
				used = use
				return test.allowance, test.err
			})
			request, ex := ask(t, "GET", "/", "")
			ex.Caller, ex.Groups, ex.Binding = "user:u", []string{"g"}, bindingOf(t, "GetEntity")
			passed, err := run(flat(rules.Limit(limiter, slog.New(slog.NewTextHandler(&log, nil)))), request)
			check(t, passed, err, test.reason)
			if used.Caller != "user:u" || !slices.Equal(used.Groups, []string{"g"}) || used.Method != "/entity.v1.EntityService/GetEntity" {
				t.Errorf("counted %+v", used)
			}
			got := [3]string{ex.Fields.Get("X-Rate-Limit-Limit"), ex.Fields.Get("X-Rate-Limit-Remaining"), ex.Fields.Get("X-Rate-Limit-Reset")}
			if got != test.limit {
				t.Errorf("X-Rate-Limit-*: %q, want %q", got, test.limit)
			}
			if (log.Len() > 0) != (test.err != nil) {
				t.Errorf("log: %s", &log)
			}
			if err != nil && statusOf(t, policy.Documented, err) != 429 {
				t.Errorf("%v is not 429", err)
			}
		})
	}
	if passed, err := run(flat(rules.Limit(nil, nil)), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)); !passed || err != nil {
		t.Errorf("without a limiter: %v", err)
	}
}

type knownKey struct{}

func TestCaller(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	denied := status.Error(codes.Unauthenticated, "who are you")
	known := func(r *http.Request) (context.Context, identity.Identity, error) {
		return context.WithValue(r.Context(), knownKey{}, "x"), identity.Identity{Name: "u", Groups: []string{"g"}}, nil
	}
	unknown := func(*http.Request) (context.Context, identity.Identity, error) {
		return nil, identity.Identity{}, denied
	}
	for name, test := range map[string]struct {
		identify       identity.Identify
		proxies        []netip.Prefix
		remote         string
		fields         []string
		client, caller string
		unidentified   error
	}{
		"nobody asks who":  {nil, nil, "192.0.2.1:7", nil, "192.0.2.1", "address:192.0.2.1", nil},
		"IPv6":             {nil, nil, "[2001:db8::1]:7", nil, "2001:db8::1", "address:2001:db8::/64", nil},
		"IPv6 with a zone": {nil, nil, "[fe80::1%eth0]:7", nil, "fe80::1", "address:fe80::/64", nil},
		"IPv4 as IPv6":     {nil, nil, "[::ffff:192.0.2.1]:7", nil, "192.0.2.1", "address:192.0.2.1", nil},
		"a proxy with a zone": {
			nil,
			[]netip.Prefix{netip.MustParsePrefix("fe80::/10")},
			"[fe80::1%eth0]:7",
			[]string{"X-Forwarded-For", "2001:db8:1:2:3::4"},
			"2001:db8:1:2:3::4", "address:2001:db8:1:2::/64", nil,
		},
		"no port":              {nil, nil, "@", nil, "@", "address:@", nil},
		"known":                {known, nil, "192.0.2.1:7", nil, "192.0.2.1", "user:u", nil},
		"unknown":              {unknown, nil, "192.0.2.1:7", nil, "192.0.2.1", "address:192.0.2.1", denied},
		"a client's own words": {nil, nil, "192.0.2.1:7", []string{"X-Forwarded-For", "6.6.6.6", "Forwarded", "for=6.6.6.6"}, "192.0.2.1", "address:192.0.2.1", nil},
		"not from a proxy":     {nil, proxies, "192.0.2.1:7", []string{"X-Forwarded-For", "6.6.6.6"}, "192.0.2.1", "address:192.0.2.1", nil},
		"from a proxy":         {nil, proxies, "10.0.0.1:7", []string{"X-Forwarded-For", "6.6.6.6, 192.0.2.9"}, "192.0.2.9", "address:192.0.2.9", nil},
		"through two": {
			nil, proxies, "10.0.0.1:7",
			[]string{"X-Forwarded-For", "6.6.6.6, 192.0.2.9", "X-Forwarded-For", "10.9.9.9"},
			"192.0.2.9",
			"address:192.0.2.9", nil,
		},
		"Forwarded": {
			nil, proxies, "10.0.0.1:7",
			[]string{"Forwarded", `for="[2001:db8::2]:4711";proto=https`},
			"2001:db8::2", "address:2001:db8::/64", nil,
		},
		"both alike": {
			nil, proxies, "10.0.0.1:7",
			[]string{"Forwarded", "for=192.0.2.9", "X-Forwarded-For", "6.6.6.6, 192.0.2.9"},
			"192.0.2.9", "address:192.0.2.9", nil,
		},
		"one of them the client's": {
			nil, proxies, "10.0.0.1:7",
			[]string{"Forwarded", "for=6.6.6.6", "X-Forwarded-For", "192.0.2.9"},
			"10.0.0.1", "address:10.0.0.1", nil,
		},
		"an empty one":  {nil, proxies, "10.0.0.1:7", []string{"Forwarded", "", "X-Forwarded-For", "192.0.2.9"}, "192.0.2.9", "address:192.0.2.9", nil},
		"obfuscated":    {nil, proxies, "10.0.0.1:7", []string{"Forwarded", "for=6.6.6.6, for=_hidden"}, "10.0.0.1", "address:10.0.0.1", nil},
		"a proxy alone": {nil, proxies, "10.0.0.1:7", nil, "10.0.0.1", "address:10.0.0.1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "GET", "/", "", test.fields...)
			request.RemoteAddr = test.remote
			if passed, err := run(flat(rules.Caller(rules.CallerParams{Identify: test.identify, Proxies: test.proxies})), request); !passed || err != nil {
				t.Fatalf("passed %t, %v", passed, err)
			}
			if ex.Client != test.client || ex.Caller != test.caller || !errors.Is(ex.Unidentified, test.unidentified) {
				t.Errorf("%q, %q, %v", ex.Client, ex.Caller, ex.Unidentified)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	denied := status.Error(codes.Unauthenticated, "who are you")
	for name, test := range map[string]struct {
		method       string
		unidentified error
		fields       []string
		want         codes.Code
	}{
		"known":                      {"GetEntity", nil, []string{"Authorization", "Bearer t"}, codes.OK},
		"unknown":                    {"GetEntity", denied, nil, codes.Unauthenticated},
		"unknown, anonymous":         {"CreateSession", denied, nil, codes.OK},
		"repeated":                   {"GetEntity", nil, []string{"Authorization", "Bearer t", "Authorization", "Bearer u"}, codes.Unauthenticated},
		"repeated though not needed": {"CreateSession", nil, []string{"Authorization", "a", "Authorization", "b"}, codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "GET", "/", "", test.fields...)
			ex.Binding, ex.Unidentified = bindingOf(t, test.method), test.unidentified
			passed, err := run(flat(rules.Credentials()), request)
			got := codes.OK
			if err != nil {
				got = codes.Code(respond.AsFailure(err).Status.GetCode())
			}
			if got != test.want || passed != (test.want == codes.OK) {
				t.Errorf("%v, passed %t", err, passed)
			}
		})
	}
}

func TestRetire(t *testing.T) {
	t.Parallel()
	rule := flat(rules.Retire(declared(t)))
	for target, gone := range map[string]bool{
		"/v0/": true, "/v0": true, "/v0/a/b?c": true, "/v00": false, "/v1/entities": false, "/x/v0/": false,
		"/%760/x": true,
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "BREW"} {
			request, _ := ask(t, method, target, "")
			passed, err := run(rule, request)
			want := ""
			if gone {
				want = policy.ReasonRetired
			}
			check(t, passed, err, want)
			if gone && (headerOf(err).Get("Link") != `</v1/entities>; rel="successor-version"` || statusOf(t, policy.Documented, err) != 410) {
				t.Errorf("%s: %v", target, headerOf(err))
			}
		}
	}
	if passed, err := run(flat(rules.Retire(&contract.Contract{})), httptest.NewRequestWithContext(t.Context(), "GET", "/v0/", nil)); !passed || err != nil {
		t.Errorf("with nothing retired: %v", err)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	sunset := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	const deprecation, link = "@1704067200", `</new>; rel="successor-version"`
	for name, test := range map[string]struct {
		method                    string
		now                       time.Time
		reason                    string
		deprecation, sunset, link string
	}{
		"young":             {"GetEntity", sunset, "", "", "", ""},
		"before the sunset": {"Old", sunset.Add(-time.Nanosecond), "", deprecation, "Wed, 01 Jan 2025 00:00:00 GMT", link},
		"at the sunset":     {"Old", sunset, policy.ReasonRetired, deprecation, "Wed, 01 Jan 2025 00:00:00 GMT", link},
		"after it":          {"Old", sunset.Add(time.Hour), policy.ReasonRetired, deprecation, "Wed, 01 Jan 2025 00:00:00 GMT", link},
		"deprecated only":   {"Deprecated", sunset, "", deprecation, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "GET", "/", "")
			ex.Binding = bindingOf(t, test.method)
			passed, err := run(flat(rules.Lifecycle(func() time.Time { return test.now })), request)
			check(t, passed, err, test.reason)
			links := append(slices.Clone(ex.Fields["Link"]), headerOf(err)["Link"]...)
			if ex.Fields.Get("Deprecation") != test.deprecation || ex.Fields.Get("Sunset") != test.sunset || strings.Join(links, "|") != test.link {
				t.Errorf("%v, links %q", ex.Fields, links)
			}
		})
	}
}

func TestAvailable(t *testing.T) {
	t.Parallel()
	closed := respond.Fail(policy.ReasonMaintenance, "closed")
	binding := bindingOf(t, "GetEntity")
	for name, test := range map[string]struct {
		closed rules.Closed
		reason string
	}{
		"never":  {nil, ""},
		"open":   {func(*contract.Binding) error { return nil }, ""},
		"closed": {func(of *contract.Binding) error { return map[bool]error{true: closed}[of == binding] }, policy.ReasonMaintenance},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "GET", "/", "")
			ex.Binding = binding
			passed, err := run(flat(rules.Available(test.closed)), request)
			check(t, passed, err, test.reason)
		})
	}
}
