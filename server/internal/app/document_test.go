package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/route"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// The check that every case goes through sees what it is there to see.
func TestDocumentCheckBites(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
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
			err := s.checkDocumented(t.Context(), m, &test.answer)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// The document is served as the program writes it, to whoever asks, whatever else is
// closed or limited.
func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"default", "canonical", "maintenance", "rate-limited"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			s := start(t, variant)
			document, err := app.Document(app.DocumentParams{Demo: true, Table: s.params.Table, PublicURL: publicURL})
			if err != nil {
				t.Fatal(err)
			}
			ask := func(method, target string, headers ...[2]string) *conformance.Answer {
				got, err := s.Send(t.Context(), conformance.OverHTTP1, &conformance.Message{Method: method, Target: target, Headers: headers})
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			first := ask("GET", "/openapi.json")
			if first.Status != 200 || string(first.Body) != string(document.JSON()) {
				t.Errorf("it is answered %d with %d bytes", first.Status, len(first.Body))
			}
			for range 5 { // More than a limit allows.
				if got := ask("GET", "/openapi.json", [2]string{"If-None-Match", first.Header.Get("Etag")}); got.Status != 304 || len(got.Body) > 0 {
					t.Errorf("to a client that has it: %d with %d bytes", got.Status, len(got.Body))
				}
			}
			for _, path := range []string{"/openapi.yaml", "/openapi", "/openapi/page.js"} {
				if got := ask("GET", path); got.Status != 200 || got.Header.Get("X-Request-Id") == "" || got.Header.Get("X-Rate-Limit-Limit") != "" {
					t.Errorf("%s: %d %v", path, got.Status, got.Header)
				}
			}
			if got := ask("HEAD", "/openapi.json"); got.Status != 200 || len(got.Body) > 0 || got.Header.Get("Content-Length") != first.Header.Get("Content-Length") {
				t.Errorf("HEAD: %d %v", got.Status, got.Header)
			}
			if got := ask("OPTIONS", "/openapi"); got.Status != 204 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("OPTIONS: %d %v", got.Status, got.Header)
			}
			if got := ask("POST", "/openapi.json"); got.Status != 405 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("POST: %d %v", got.Status, got.Header)
			}
		})
	}
}

// A proxy has the document of what its backends declare at the time.
func TestDocumentOfProxy(t *testing.T) {
	t.Parallel()
	listener := bind(t, "127.0.0.1:0")
	address := listener.Addr().String()
	_ = listener.Close()
	url, _ := runProxy(t, func(c *config.Proxy) { c.Backend = []string{address} })
	empty := fetch(t, url+"/openapi.json")
	if empty.status != 200 || !strings.Contains(empty.body, `"paths": {}`) {
		t.Errorf("away: %+v", empty)
	}
	// The page that shows it has what it loads, and leads to the other pages.
	page := fetch(t, url+"/openapi")
	for _, path := range []string{"/catalogue/frame.css", "/openapi/page.css", "/openapi/page.js", "/playground"} {
		if got := fetch(t, url+path); got.status != 200 || !strings.Contains(page.body, `"`+path+`"`) {
			t.Errorf("%s is answered %d, and the page is %s", path, got.status, page.body)
		}
	}
	first := openShop(t, bind(t, address), shop("shop.v1", "/v1/a"))
	becomes(t, url+"/openapi.json", 200, `"/v1/a": {`)
	one := fetch(t, url+"/openapi.json")
	for _, text := range []string{`"title": "shop.v1"`, `"operationId": "shop.v1.Shop.GetA"`, `"url": "` + publicURL + `"`} {
		if !strings.Contains(one.body, text) {
			t.Errorf("the document has no %s", text)
		}
	}
	first.stop()
	openShop(t, bind(t, address), shop("shop.v1", "/v1/a", "/v1/b"))
	becomes(t, url+"/openapi.json", 200, `"/v1/b": {`)
	becomes(t, url+"/openapi.yaml", 200, "/v1/b:")
	if two := fetch(t, url+"/openapi.json"); two.header.Get("Etag") == one.header.Get("Etag") || one.header.Get("Etag") == empty.header.Get("Etag") {
		t.Error("another document has the same entity-tag")
	}
}

// declaredSuccesses are the statuses below 400 of each operation of the document, by
// the method and the path.
func declaredSuccesses(t *testing.T) map[string][]string {
	t.Helper()
	table, err := mapping.Builtin(mapping.Documented)
	if err != nil {
		t.Fatal(err)
	}
	document, err := app.Document(app.DocumentParams{Table: table, PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	model, err := modelOf(document.JSON())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for path, item := range model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			for status := range operation.Responses.Codes.FromOldest() {
				if status < "400" {
					name := strings.ToUpper(method) + " " + path
					found[name] = append(found[name], status)
				}
			}
		}
	}
	return found
}

// What the document promises as a success is what some case has got.
func TestCasesCoverDocument(t *testing.T) {
	t.Parallel()
	_, index := routes(t)
	seen := map[string][]string{}
	for _, c := range loadCases(t) {
		for _, one := range slices.Concat(c.Before, []conformance.Exchange{c.Exchange}, c.After) {
			if one.Response.Status == 0 || one.Response.Status >= 400 {
				continue
			}
			path, _, _ := strings.Cut(strings.ReplaceAll(one.Request.Target, "${operation}", "operations/x"), "?")
			found, outcome, err := index.Lookup(one.Request.Method, conformance.VariablePattern.ReplaceAllString(path, "x"))
			if err != nil || outcome != route.Found {
				continue
			}
			name := found.Value.Verb + " " + found.Value.Path
			if status := strconv.Itoa(one.Response.Status); !slices.Contains(seen[name], status) {
				seen[name] = append(seen[name], status)
			}
		}
	}
	declared := declaredSuccesses(t)
	for _, one := range slices.Sorted(maps.Keys(declared)) {
		for _, status := range declared[one] {
			if !slices.Contains(seen[one], status) {
				t.Errorf("%s may be answered %s, and no case is", one, status)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("the operations of the document (-) and those of the cases (+):\n%s", diff)
	}
}
