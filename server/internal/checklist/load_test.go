package checklist_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// eventually repeats a request until it is answered so.
func eventually(t *testing.T, s *apptest.Server, user string, r conformance.Request, status int) {
	t.Helper()
	e := conformance.Exchange{As: user, Request: r, Response: conformance.Response{Status: status}, Eventually: true}
	if _, err := s.Perform(t.Context(), conformance.OverHTTP1, s.Variables(), e); err != nil {
		t.Fatal(err)
	}
}

// checklist: 503-01, ALL-25
func TestOverload(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, func(c *config.Serve) {
		c.MaxInFlight = 1
		c.CORSOrigins = []string{"*"}
	}, nil, time.Now)
	release := s.Occupy(t)
	for _, shed := range []conformance.Request{
		apptest.Get("/v1/entities/cup"), apptest.Get("/v1/entities/cup", [2]string{"If-Match", `"stale"`}), apptest.Post(apptest.EntitiesURL, apptest.Named("x")),
		{Method: http.MethodDelete, Target: "/v1/entities/cup"},
	} {
		shed.Headers = append(shed.Headers, [2]string{"Origin", "https://any.example"})
		got := s.Do(t, "viewer", shed)
		apptest.WantStatus(t, got, http.StatusServiceUnavailable, "SERVICE_OVERLOADED")
		apptest.WantHeaders(t, got, map[string]string{"Retry-After": "1", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "Etag": ""})
	}
	// What is no work of the backend's is answered as ever.
	for target, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v0/x": 410, "/nothing": 404} {
		apptest.WantStatus(t, s.Do(t, "viewer", apptest.Get(target)), want, "")
	}
	apptest.WantStatus(t, s.Do(t, "viewer", conformance.Request{Method: http.MethodPut, Target: apptest.EntitiesURL}), http.StatusMethodNotAllowed, "")
	// The way in for anyone who has to mend it.
	apptest.WantStatus(t, s.Do(t, "", apptest.Post("/v1/sessions", map[string]any{"username": "admin", "password": "demo"})), http.StatusCreated, "")
	apptest.WantStatus(t, s.Do(t, "admin", apptest.Get("/v1/maintenance")), http.StatusOK, "")
	mend := conformance.Request{Method: http.MethodPut, Target: "/v1/maintenance", JSON: apptest.JSON(map[string]any{"enabled": false})}
	apptest.WantStatus(t, s.Do(t, "admin", mend), http.StatusOK, "")
	// A stream has a slot of another kind, and one whose body is still on its way has none.
	apptest.WantStatus(t, s.Do(t, "viewer", apptest.Get("/v1/entities:export")), http.StatusOK, "")
	release()
	eventually(t, s, "viewer", apptest.Get("/v1/entities/cup"), http.StatusOK)
	s.Hold(t, "POST /v1/entities HTTP/1.1", "Authorization: Bearer "+s.Tokens["editor"])
	apptest.WantStatus(t, s.Do(t, "viewer", apptest.Get("/v1/entities/cup")), http.StatusOK, "")
}

// checklist: 429-01, 429-13
func TestConcurrencyOfACaller(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, func(c *config.Serve) { c.Concurrency = 2 }, nil, time.Now)
	one := s.Occupy(t)
	beside := s.Do(t, "editor", apptest.Get("/v1/entities/cup"))
	apptest.WantStatus(t, beside, http.StatusOK, "")
	apptest.WantHeaders(t, beside, map[string]string{"X-Concurrency-Limit-Limit": "2", "X-Concurrency-Limit-Remaining": "0"})
	two := s.Occupy(t)
	for _, target := range []string{"/v1/entities/cup", "/v0/x", "/nothing"} {
		refused := s.Do(t, "editor", apptest.Get(target))
		apptest.WantStatus(t, refused, http.StatusTooManyRequests, "CONCURRENCY_LIMITED")
		apptest.WantHeaders(t, refused, map[string]string{"Retry-After": "1", "X-Concurrency-Limit-Limit": "2", "X-Concurrency-Limit-Remaining": "0"})
		if strings.Join(violatedBy(t, refused), ",") != "concurrency" {
			t.Errorf("violated-policies is %q", violatedBy(t, refused))
		}
	}
	other := s.Do(t, "viewer", apptest.Get("/v1/entities/cup"))
	apptest.WantStatus(t, other, http.StatusOK, "")
	apptest.WantHeaders(t, other, map[string]string{"X-Concurrency-Limit-Remaining": "1"})
	apptest.WantStatus(t, s.Do(t, "editor", apptest.Get("/healthz")), http.StatusOK, "")
	one()
	two()
	eventually(t, s, "editor", apptest.Get("/v1/entities/cup"), http.StatusOK)
	without := apptest.Serve(t, nil, nil, time.Now)
	absent := map[string]string{"X-Concurrency-Limit-Limit": "", "X-Concurrency-Limit-Remaining": ""}
	apptest.WantHeaders(t, without.Do(t, "editor", apptest.Get("/v1/entities/cup")), absent)
}

// subjectOf is whom the refusal of a request counts, for a client that proxies name.
func subjectOf(t *testing.T, s *apptest.Server, fields ...[2]string) string {
	t.Helper()
	for range 4 {
		got := s.Do(t, "", apptest.Get("/v1/statuses", fields...))
		if got.Status != http.StatusTooManyRequests {
			continue
		}
		var body struct {
			Details []struct {
				Violations []struct {
					Subject string `json:"subject"`
				} `json:"violations"`
			} `json:"details"`
		}
		if err := json.Unmarshal(got.Body, &body); err != nil {
			t.Fatal(err)
		}
		return body.Details[2].Violations[0].Subject
	}
	t.Fatal("it is never refused")
	return ""
}

// checklist: 429-14
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	forwarded := func(value string) [2]string { return [2]string{"Forwarded", value} }
	xff := func(value string) [2]string { return [2]string{"X-Forwarded-For", value} }
	trusting := func(networks ...string) *apptest.Server {
		return apptest.Serve(t, func(c *config.Serve) { c.RateLimit, c.TrustedProxies = "3/1h", networks }, nil, time.Now)
	}
	for name, test := range map[string]struct {
		trusted []string
		fields  [][2]string
		subject string
	}{
		"nobody is trusted":        {nil, [][2]string{xff("192.0.2.1"), forwarded("for=192.0.2.1")}, "127.0.0.1"},
		"another is trusted":       {[]string{"10.0.0.0/8"}, [][2]string{xff("192.0.2.1")}, "127.0.0.1"},
		"the proxy alone":          {[]string{"127.0.0.1"}, nil, "127.0.0.1"},
		"named":                    {[]string{"127.0.0.1"}, [][2]string{xff("192.0.2.1")}, "192.0.2.1"},
		"Forwarded":                {[]string{"127.0.0.0/8"}, [][2]string{forwarded(`for="[2001:db8::1]:4711";proto=https`)}, "2001:db8::/64"},
		"spoofed before":           {[]string{"127.0.0.1"}, [][2]string{xff("6.6.6.6, 192.0.2.1")}, "192.0.2.1"},
		"spoofed as the proxy":     {[]string{"127.0.0.1"}, [][2]string{xff("127.0.0.1, 192.0.2.1")}, "192.0.2.1"},
		"spoofed on another line":  {[]string{"127.0.0.1"}, [][2]string{xff("6.6.6.6"), xff("192.0.2.1")}, "192.0.2.1"},
		"spoofed in a quotation":   {[]string{"127.0.0.1"}, [][2]string{forwarded(`for="6.6.6.6, for=7.7.7.7", for=192.0.2.1`)}, "192.0.2.1"},
		"through two":              {[]string{"127.0.0.1", "10.0.0.0/8"}, [][2]string{xff("6.6.6.6, 192.0.2.1, 10.1.2.3")}, "192.0.2.1"},
		"hidden":                   {[]string{"127.0.0.1"}, [][2]string{forwarded("for=6.6.6.6, for=_hidden")}, "127.0.0.1"},
		"no address":               {[]string{"127.0.0.1"}, [][2]string{xff("192.0.2.1, nonsense")}, "127.0.0.1"},
		"in the proxy's own field": {[]string{"127.0.0.1"}, [][2]string{forwarded("for=192.0.2.1"), xff("192.0.2.1")}, "192.0.2.1"},
		"in the field it leaves":   {[]string{"127.0.0.1"}, [][2]string{forwarded("for=6.6.6.6"), xff("192.0.2.1")}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := subjectOf(t, trusting(test.trusted...), test.fields...); got != "address:"+test.subject {
				t.Errorf("counted as %s, want %s", got, test.subject)
			}
		})
	}
}

// checklist: ALL-26
func TestCrossOriginPages(t *testing.T) {
	t.Parallel()
	const page = "https://app.example.com"
	from := func(origin string) [2]string { return [2]string{"Origin", origin} }
	s := apptest.Serve(t, func(c *config.Serve) { c.CORSOrigins, c.RateLimit = []string{page}, "100/1h" }, nil, time.Now)
	anyone := apptest.Serve(t, func(c *config.Serve) { c.CORSOrigins = []string{"*"} }, nil, time.Now)
	off := apptest.Serve(t, nil, nil, time.Now)
	requests := map[int]conformance.Request{
		200: apptest.Get("/v1/statuses"), 401: apptest.Get("/v1/entities"), 404: apptest.Get("/nothing"), 405: {Method: "BREW", Target: apptest.EntitiesURL},
		410: apptest.Get("/v0/x"), 415: apptest.Get("/v1/statuses", [2]string{"Accept", "text/html"}), 418: apptest.Get("/v1/statuses", [2]string{"X", "y"}),
	}
	delete(requests, 418) // net/http's own answers have no origin to allow.
	for status, r := range requests {
		for _, test := range []struct {
			server  *apptest.Server
			origin  string
			allowed string
			vary    bool
		}{
			{s, page, page, true},
			{s, "https://evil.example", "", true},
			{s, page + ".evil.example", "", true},
			{s, "http://app.example.com", "", true},
			{s, page + ":8443", "", true},
			{s, "null", "", true},
			{s, "", "", true},
			{anyone, page, "*", false},
			{anyone, "null", "*", false},
			{anyone, "", "", false},
			{off, page, "", false},
		} {
			one := r
			if test.origin != "" {
				one.Headers = append([][2]string{from(test.origin)}, one.Headers...)
			}
			got := test.server.Do(t, "", one)
			apptest.WantStatus(t, got, status, "")
			apptest.WantHeaders(t, got, map[string]string{
				"Access-Control-Allow-Origin": test.allowed, "Access-Control-Allow-Credentials": "", "Access-Control-Allow-Methods": "",
			})
			if vary := strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Origin"); vary != test.vary {
				t.Errorf("%d to %q: Vary is %q", status, test.origin, got.Header.Values("Vary"))
			}
			exposed := ", " + got.Header.Get("Access-Control-Expose-Headers") + ","
			for _, name := range []string{
				"ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining",
				"X-Rate-Limit-Reset", "Link", "Deprecation", "Sunset", "X-Request-Id", "WWW-Authenticate",
			} {
				if strings.Contains(exposed, ", "+name+",") != (test.allowed != "") {
					t.Errorf("%d to %q: exposed are %s", status, test.origin, exposed)
				}
			}
		}
	}
	preflight := conformance.Request{Method: http.MethodOptions, Target: "/v1/entities/cup", Headers: [][2]string{
		from(page), {"Access-Control-Request-Method", "DELETE"}, {"Access-Control-Request-Headers", "authorization, if-match"},
	}}
	allowed := s.Do(t, "", preflight)
	apptest.WantStatus(t, allowed, http.StatusNoContent, "")
	if !strings.Contains(allowed.Header.Get("Access-Control-Allow-Methods"), "DELETE") || allowed.Header.Get("Access-Control-Max-Age") == "" {
		t.Errorf("a preflight got %v", allowed.Header)
	}
	preflight.Headers[0] = from("https://evil.example")
	apptest.WantHeaders(t, s.Do(t, "", preflight), map[string]string{
		"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": "", "Access-Control-Allow-Headers": "", "Access-Control-Max-Age": "",
	})
}

// checklist: 503-01, 410-04, GRPC-07
func TestMaintenance(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	set := func(user string, body map[string]any) *conformance.Answer {
		return s.Do(t, user, conformance.Request{Method: http.MethodPut, Target: "/v1/maintenance", JSON: apptest.JSON(body)})
	}
	apptest.WantStatus(t, set("editor", map[string]any{"enabled": true}), http.StatusForbidden, "")
	apptest.WantStatus(t, s.Do(t, "viewer", apptest.Get("/v1/entities/cup")), http.StatusOK, "")
	apptest.WantStatus(t, set("admin", map[string]any{"enabled": true, "retryAfter": 17, "message": "The oven is being mended."}), http.StatusOK, "")
	for _, closed := range []struct {
		user    string
		request conformance.Request
	}{
		{"viewer", apptest.Get("/v1/entities/cup")},
		{"admin", apptest.Get("/v1/entities/cup", [2]string{"If-Match", `"stale"`})},
		{"", apptest.Get("/v1/entities")},
		{"", apptest.Get("/v1/statuses")},
		{"editor", apptest.Post(importURL, map[string]any{"entities": []any{apptest.Named("x")}}, apptest.IdempotencyKey("closed"))},
	} {
		got := s.Do(t, closed.user, closed.request)
		apptest.WantStatus(t, got, http.StatusServiceUnavailable, "SERVICE_IN_MAINTENANCE")
		apptest.WantHeaders(t, got, map[string]string{"Retry-After": "17", "Cache-Control": "no-store", "Etag": "", "Www-Authenticate": ""})
		if !strings.Contains(string(got.Body), "The oven is being mended.") {
			t.Errorf("the notice is missing: %s", got.Body)
		}
	}
	_, err := entityv1.NewEntityServiceClient(s.GRPC).GetEntity(
		metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Tokens["viewer"]), &entityv1.GetEntityRequest{Id: "cup"})
	if info := apptest.ErrorInfo(status.Convert(err)); status.Code(err) != codes.Unavailable || info.GetReason() != "SERVICE_IN_MAINTENANCE" {
		t.Errorf("over gRPC: %v", err)
	}
	for target, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v0/x": 410, "/nothing": 404, "/statuses/503": 200} {
		apptest.WantStatus(t, s.Do(t, "", apptest.Get(target)), want, "")
	}
	apptest.WantStatus(t, s.Do(t, "", apptest.Post("/v1/sessions", map[string]any{"username": "admin", "password": "demo"})), http.StatusCreated, "")
	apptest.WantStatus(t, set("admin", map[string]any{"enabled": false}), http.StatusOK, "")
	apptest.WantStatus(t, s.Do(t, "viewer", apptest.Get("/v1/entities/cup")), http.StatusOK, "")
}

// Every answer, whoever writes it, keeps a browser from taking it for a page.
//
// checklist: ERR-10, ALL-25
func TestSecurityFields(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for name, lines := range kinds(s) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := strings.ToLower(headOf(s.Raw(t, lines...)))
			for _, field := range []string{"x-content-type-options: nosniff", "content-security-policy: default-src 'none'; frame-ancestors 'none'", "x-request-id: "} {
				if strings.Count(head, "\r\n"+field) != 1 {
					t.Errorf("%s does not come once:\n%s", field, head)
				}
			}
			for _, field := range []string{"server:", "x-powered-by:", "strict-transport-security:", "set-cookie:"} {
				if strings.Contains(head, "\r\n"+field) {
					t.Errorf("%s:\n%s", field, head)
				}
			}
		})
	}
}
