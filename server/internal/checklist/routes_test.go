package checklist_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// places has one target for every route, with the methods that are declared for it.
func places() map[string][]string {
	found := map[string][]string{}
	for _, route := range apptest.Routes() {
		target := route.Target(map[string]string{"id": "teapot", "code": "404", "operations": "none", "": "documented"})
		found[target] = append(found[target], route.Verb)
	}
	return found
}

// Allow lists a method if, and only if, the resource does not answer it with 405.
//
// checklist: 405-01, 405-02, ALL-11
func TestAllowIsTrue(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for target, verbs := range places() {
		options := s.Do(t, "", conformance.Request{Method: http.MethodOptions, Target: target})
		apptest.WantStatus(t, options, http.StatusNoContent, "")
		allowed := strings.Split(options.Header.Get("Allow"), ", ")
		for _, verb := range verbs {
			if !slices.Contains(allowed, verb) || verb == http.MethodGet && !slices.Contains(allowed, http.MethodHead) {
				t.Errorf("%s: Allow is %q, without %s", target, allowed, verb)
			}
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"} {
			// Nobody's request: whatever is allowed changes nothing.
			got := s.Do(t, "", conformance.Request{Method: method, Target: target})
			refused := got.Status == http.StatusMethodNotAllowed || got.Status == http.StatusNotImplemented
			if refused == slices.Contains(allowed, method) {
				t.Errorf("%s %s: %d, and Allow is %q", method, target, got.Status, allowed)
			}
			if refused && got.Header.Get("Allow") != options.Header.Get("Allow") {
				t.Errorf("%s %s: Allow is %q, and by OPTIONS %q", method, target, got.Header.Get("Allow"), options.Header.Get("Allow"))
			}
		}
	}
}

// HEAD is GET without the content, on every readable resource.
//
// checklist: ALL-09, ALL-10, ALL-11
func TestHeadOnEveryRoute(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for target, verbs := range places() {
		if !slices.Contains(verbs, http.MethodGet) {
			continue
		}
		for _, user := range []string{"admin", ""} {
			read, head := s.Do(t, user, apptest.Get(target)), s.Do(t, user, conformance.Request{Method: http.MethodHead, Target: target})
			for _, own := range []string{"Date", "X-Request-Id", "X-Rate-Limit-Remaining", "Ratelimit", "X-Rate-Limit-Reset"} {
				read.Header.Del(own)
				head.Header.Del(own)
			}
			// A stream's length is not known, and a problem's body names the request.
			read.Header.Del("Transfer-Encoding")
			head.Header.Del("Transfer-Encoding")
			if diff := cmp.Diff(read.Header, head.Header); diff != "" || read.Status != head.Status || len(head.Body) > 0 {
				t.Errorf("%s as %q: GET %d and HEAD %d (-GET +HEAD):\n%s", target, user, read.Status, head.Status, diff)
			}
		}
	}
}

// checklist: 200-11, 200-10, 200-03
func TestSafeMethodsChangeNothing(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	state := func() string {
		var all strings.Builder
		for _, target := range []string{"/v1/entities?pageSize=1000", "/v1/maintenance", "/v1/policy", "/v1/statuses"} {
			got := s.Do(t, "admin", apptest.Get(target))
			apptest.WantStatus(t, got, http.StatusOK, "")
			all.WriteString(got.Header.Get("ETag"))
			all.Write(got.Body)
		}
		return all.String()
	}
	before := state()
	body := `{"enabled":true,"displayName":"Changed","entities":[{"displayName":"x"}]}`
	for target := range places() {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace} {
			s.Do(t, "admin", conformance.Request{Method: method, Target: target, Text: &body, Headers: [][2]string{{"Content-Type", "application/json"}}})
		}
	}
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("reading changed something (-before +after):\n%s", diff)
	}
}

// checklist: 201-02, 201-03, 201-04
func TestLocationLeadsToTheEntity(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for _, id := range []string{
		"", "plain", "a b", "100%", "100%25", "a/b", "a?b=c", "a#b", "naïve", "茶", "a:b", "a+b", "a&b;c",
		`"quoted"`, "..a", "~", "a'b", "%2F",
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			body := apptest.Named("Located")
			if id != "" {
				body["id"] = id
			}
			created := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, body))
			apptest.WantStatus(t, created, http.StatusCreated, "")
			location := created.Header.Get("Location")
			parsed, err := url.Parse(location)
			printable := regexp.MustCompile(`^/[!-~]+$`).MatchString(location)
			if err != nil || strings.Contains(location, "#") || parsed.RawQuery != "" || !printable {
				t.Fatalf("Location is %q: %v", location, err)
			}
			read := s.Do(t, "editor", apptest.Get(location))
			apptest.WantStatus(t, read, http.StatusOK, "")
			var found struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(read.Body, &found); err != nil || id != "" && found.ID != id {
				t.Errorf("%s leads to %q: %v", location, found.ID, err)
			}
			if read.Header.Get("ETag") != created.Header.Get("ETag") || string(read.Body) != string(created.Body) {
				t.Errorf("created %q %s, read %q %s", created.Header.Get("ETag"), created.Body, read.Header.Get("ETag"), read.Body)
			}
		})
	}
}

// checklist: 415-02, 415-03, 415-06
func TestSpellingsOfJSON(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for kind, status := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "Application/JSON": 201, `application/json;charset="UTF-8"`: 201,
		"application/json ; a=b": 201, "application/json;CHARSET=utf-8": 201, `application/json; a="x;y"`: 201,
		"application/json; charset=iso-8859-1": 415, "application/json-evil": 415, "application/jsonp": 415, "application": 415, "text/json": 415,
		"application/json, application/json": 415, "application/json; charset": 415, "*/*": 415,
	} {
		got := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, apptest.Named("Typed"), [2]string{"Content-Type", kind}))
		if got.Status != status && (status != 415 || got.Status != 400) {
			t.Errorf("%q: %d %s, want %d", kind, got.Status, got.Body, status)
		}
		apptest.WantHeaders(t, got, map[string]string{"Accept-Encoding": ""})
	}
}

// Every row of both policies is a status that IANA has registered.
//
// checklist: ALL-24
func TestStatusesAreRegistered(t *testing.T) {
	t.Parallel()
	for _, name := range []string{policy.Documented, policy.Canonical} {
		table, err := policy.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range table.Policy().GetCatalogue() {
			if http.StatusText(int(row.GetStatus())) == "" {
				t.Errorf("%s: %d is not registered", name, row.GetStatus())
			}
		}
		for code := int32(-1); code < 20; code++ {
			if status := table.Decide(policy.Input{Code: code}).Status(); table.Row(status) == nil || status == 499 {
				t.Errorf("%s: the code %d becomes %d", name, code, status)
			}
		}
	}
}

// 304 comes to a read that asked by a condition, and 406 or what stands for it to a
// request that stated a preference: each case that has them is taken without.
//
// checklist: 304-26, 406-09, 406-01
func TestAnswersToWhatWasAsked(t *testing.T) {
	t.Parallel()
	servers := apptest.NewFleet(t)
	for _, c := range apptest.LoadCases(t) {
		var asks []string
		switch {
		case c.Response.Status == http.StatusNotModified:
			asks = []string{"if-none-match", "if-modified-since"}
		case c.Response.Problem != nil && c.Response.Problem.Reason == policy.ReasonNotAcceptable:
			asks = []string{"accept"}
		default:
			continue
		}
		if c.Describes() || len(c.Request.Raw) > 0 {
			continue
		}
		isAsking := func(pair [2]string) bool { return slices.Contains(asks, strings.ToLower(pair[0])) }
		if !slices.ContainsFunc(c.Request.Headers, isAsking) || asks[0] != "accept" && c.Request.Method != "GET" && c.Request.Method != "HEAD" {
			t.Errorf("%s: nothing asks for its answer", c.Name)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			s := servers.Server(t, c.Variant())
			v := s.Variables()
			if err := s.Before(t.Context(), c, conformance.OverHTTP1, v); err != nil {
				t.Fatal(err)
			}
			plain := c.Exchange
			plain.Request.Headers = slices.DeleteFunc(slices.Clone(plain.Request.Headers), isAsking)
			plain.Response = conformance.Response{}
			if got, err := s.Perform(t.Context(), conformance.OverHTTP1, v, plain); err != nil || got.Status/100 != 2 {
				t.Errorf("unasked: %v: %v", got, err)
			}
		})
	}
}

// checklist: ALL-14, ALL-23, 406-03
func TestListsHaveNoEmptyMember(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	teapot := s.Do(t, "viewer", apptest.Get("/v1/entities/teapot")).Header.Get("ETag")
	for status, one := range map[int]conformance.Request{
		200: apptest.Get("/v1/entities/cup", [2]string{"Accept", ",application/json,,"}),
		304: apptest.Get("/v1/entities/teapot", [2]string{"If-None-Match", `, "a",,` + teapot + ","}, [2]string{"TE", "trailers"}),
		204: {Method: http.MethodOptions, Target: "/v1/entities", Headers: [][2]string{{"TE", "trailers"}}},
		401: apptest.Get("/v1/entities/cup", [2]string{"Authorization", "Bearer x"}),
		405: {Method: "BREW", Target: "/v1/entities/cup"},
		415: apptest.Get("/v1/entities/cup", [2]string{"Accept", "application/json;q=0, */*"}),
		410: apptest.Get("/v0/x"),
	} {
		got := s.Do(t, map[bool]string{true: "", false: "viewer"}[status == 401], one)
		apptest.WantStatus(t, got, status, "")
		apptest.WantHeaders(t, got, map[string]string{"Trailer": ""})
		for _, name := range []string{"Allow", "Vary", "Link", "WWW-Authenticate", "RateLimit", "RateLimit-Policy"} {
			for _, line := range got.Header.Values(name) {
				for member := range strings.SplitSeq(line, ",") {
					if strings.TrimSpace(member) == "" {
						t.Errorf("%s is %q", name, line)
					}
				}
			}
		}
	}
}

// Tags that look like several, and a representation without a date.
//
// checklist: 304-05, 304-08, 304-09, 304-14
func TestTagsAreRead(t *testing.T) {
	t.Parallel()
	b := &backend{get: func(_ context.Context, request *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		return &entityv1.Entity{Id: request.GetId(), Etag: request.GetId()}, nil
	}}
	s := b.before(t)
	for _, test := range []struct {
		version, field, value string
		status                int
	}{
		{"a,b", "If-None-Match", `"a,b"`, 304},
		{"a,b", "If-None-Match", `"a", "b"`, 200},
		{"a", "If-None-Match", `"a,b"`, 200},
		{"b", "If-None-Match", `"a\", "b"`, 304},
		{"b", "If-None-Match", `"a\"b"`, 400},
		{`a"b`, "If-None-Match", `"a%22b"`, 304},
		{`a\`, "If-None-Match", `"a\"`, 200},
		{"1", "If-None-Match", `W/"1"`, 304},
		{"1", "If-None-Match", `W/"2"`, 200},
		{"1", "If-Match", `W/"1"`, 412},
		{"1", "If-Modified-Since", "Sun, 06 Nov 2094 08:49:37 GMT", 200},
	} {
		got := s.Do(t, "", apptest.Get("/v1/entities/"+url.PathEscape(test.version), [2]string{test.field, test.value}))
		if got.Status != test.status {
			t.Errorf("%s: %s of %q: %d, want %d", test.field, test.value, test.version, got.Status, test.status)
		}
		apptest.WantHeaders(t, got, map[string]string{"Last-Modified": ""})
	}
}

// checklist: 200-12
func TestRangesAreIgnored(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	whole := s.Do(t, "viewer", apptest.Get("/v1/entities/teapot"))
	for _, fields := range [][][2]string{
		{{"Range", "bytes=0-3"}},
		{{"Range", "lines=1-2"}},
		{{"Range", "nonsense"}},
		{{"If-Range", `"x"`}},
		{{"Range", "bytes=0-3"}, {"If-Range", whole.Header.Get("ETag")}},
	} {
		got := s.Do(t, "viewer", apptest.Get("/v1/entities/teapot", fields...))
		apptest.WantStatus(t, got, http.StatusOK, "")
		apptest.WantHeaders(t, got, map[string]string{"Content-Range": "", "Accept-Ranges": ""})
		if string(got.Body) != string(whole.Body) {
			t.Errorf("%v: %s", fields, got.Body)
		}
	}
}
