package conformance_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/conformance"
)

func documented(t *testing.T) *policy.Table {
	t.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// sound is a response that has nothing wrong.
func sound(status int) *conformance.Answer {
	header := http.Header{
		"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "X-Request-Id": {"r-1"},
		"Content-Type":       {"application/json"},
		"X-Rate-Limit-Limit": {"9"}, "X-Rate-Limit-Remaining": {"8"}, "X-Rate-Limit-Reset": {"7"}, "Ratelimit": {`"a";r=8;t=7`}, "Ratelimit-Policy": {`"a";q=9`},
	}
	body := `{"id":"x"}`
	if status >= http.StatusBadRequest {
		header["Content-Type"] = []string{"application/problem+json"}
		body = `{"type":"https://x.example/statuses/404","title":"Resource Not Found","status":404,"detail":"No.","code":"NOT_FOUND","requestId":"r-1"}`
	}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	return &conformance.Answer{Transport: conformance.OverHTTP1, Status: status, Header: header, Body: []byte(body), Length: len(body)}
}

// with replaces the body, and its length.
func with(a *conformance.Answer, old, text string) {
	a.Body = []byte(strings.Replace(string(a.Body), old, text, 1))
	a.Length = len(a.Body)
	a.Header.Set("Content-Length", strconv.Itoa(a.Length))
}

// Each invariant is broken once, so that none of them holds by itself.
func TestInvariants(t *testing.T) {
	t.Parallel()
	header := func(name string, values ...string) func(*conformance.Answer) {
		return func(a *conformance.Answer) { a.Header[name] = values }
	}
	lacking := func(name string) func(*conformance.Answer) {
		return func(a *conformance.Answer) { a.Header.Del(name) }
	}
	body := func(old, text string) func(*conformance.Answer) {
		return func(a *conformance.Answer) { with(a, old, text) }
	}
	for name, test := range map[string]struct {
		status int
		method string
		change func(*conformance.Answer)
		want   string
	}{
		"a success":           {200, "GET", header("Vary", "Accept"), ""},
		"a list in two lines": {200, "GET", header("Vary", "Accept", "Prefer"), ""},
		"an error":            {404, "GET", header("Vary", "Accept"), ""},
		"unknown field":       {200, "GET", header("Grpc-Status", "0"), "unexpected header field Grpc-Status"},
		"twice":               {200, "GET", header("Etag", `"1"`, `"1"`), "Etag comes 2 times"},
		"control character":   {200, "GET", header("Link", "a\x01"), "Link is"},
		"of the connection": {200, "GET", func(a *conformance.Answer) {
			a.Transport = conformance.OverH2C
			a.Header["Connection"] = []string{"close"}
		}, "HTTP/2 has no fields"},
		"length and coding":      {200, "GET", header("Transfer-Encoding", "chunked"), "a length and a coding"},
		"no Date":                {200, "GET", lacking("Date"), "Date is"},
		"no Cache-Control":       {200, "GET", lacking("Cache-Control"), "Cache-Control is not explicit"},
		"no nosniff":             {200, "GET", lacking("X-Content-Type-Options"), "nosniff"},
		"no request id":          {200, "GET", lacking("X-Request-Id"), "X-Request-Id is missing"},
		"changed later":          {200, "GET", header("Last-Modified", "Sun, 06 Nov 1994 08:49:38 GMT"), "is after Date"},
		"no allowance":           {200, "GET", lacking("X-Rate-Limit-Limit"), "X-Rate-Limit-"},
		"more left than allowed": {200, "GET", header("X-Rate-Limit-Remaining", "9"), "X-Rate-Limit-"},
		"a RateLimit of tokens":  {200, "GET", header("Ratelimit", "a;r=1"), "RateLimit and RateLimit-Policy are"},
		"a RateLimit below zero": {200, "GET", header("Ratelimit", `"a";r=-1`), "RateLimit and RateLimit-Policy are"},
		"a policy without q":     {200, "GET", header("Ratelimit-Policy", `"a"`), "RateLimit and RateLimit-Policy are"},
		"no RateLimit":           {200, "GET", lacking("Ratelimit"), "RateLimit and RateLimit-Policy are missing"},
		"content of a 204":       {204, "GET", func(*conformance.Answer) {}, "a 204 has no content"},
		"no type":                {200, "GET", lacking("Content-Type"), "Content-Type is missing"},
		"a charset":              {200, "GET", header("Content-Type", "application/json; charset=utf-8"), "Content-Type is"},
		"no length":              {200, "GET", lacking("Content-Length"), "has a Content-Length"},
		"another length":         {200, "GET", header("Content-Length", "3"), "Content-Length is 3"},
		"HEAD with content":      {200, "HEAD", func(*conformance.Answer) {}, "the response to HEAD has content"},
		"no JSON":                {200, "GET", body("}", ""), "no JSON"},
		"an array": {200, "GET", func(a *conformance.Answer) {
			with(a, string(a.Body), "[]")
			a.Array = true
			delete(a.Header, "Content-Length")
		}, ""},
		"no array": {200, "GET", func(a *conformance.Answer) { a.Array = true }, "no array"},
		"raw bytes": {200, "GET", func(a *conformance.Answer) {
			with(a, "x", "\xff")
			a.Raw, a.Header["Content-Type"] = true, []string{"text/csv; charset=utf-8"}
		}, ""},
		"raw bytes, another length": {200, "GET", func(a *conformance.Answer) { a.Raw, a.Header["Content-Length"] = true, []string{"3"} }, "Content-Length is 3"},
		"raw bytes without a type":  {200, "GET", func(a *conformance.Answer) { a.Raw, a.Header["Content-Type"] = true, nil }, "Content-Type is missing"},
		"no UTF-8":                  {200, "GET", body("x", "\xff"), "no UTF-8"},
		"Location on a 200":         {200, "GET", header("Location", "/x"), "Location on a 200"},
		"ETag on a 404":             {404, "GET", header("Etag", `"1"`), "Etag on a 404"},
		"201 without Location":      {201, "POST", func(*conformance.Answer) {}, "a 201 without Location"},
		"405 without Allow":         {405, "POST", func(*conformance.Answer) {}, "a 405 without Allow"},
		"Allow on a 200":            {200, "GET", header("Allow", "GET"), "Allow on a 200"},
		"no row":                    {502, "GET", func(*conformance.Answer) {}, "502 is no row"},
		"another shape":             {404, "GET", header("Content-Type", "text/plain"), "an error's Content-Type"},
		"another status":            {404, "GET", body(`"status":404`, `"status":400`), "the problem's status"},
		"another title":             {404, "GET", body("Resource Not Found", "Missing"), "the title is"},
		"another type":              {404, "GET", body("https://x.example", ""), "type is"},
		"another request id":        {404, "GET", body("r-1", "r-2"), "requestId is"},
		"no detail":                 {404, "GET", body("No.", ""), "code and detail"},
		"a detail twice":            {404, "GET", body("}", `,"details":[{"@type":"type.googleapis.com/a"},{"@type":"type.googleapis.com/a"}]}`), "comes twice"},
		"DebugInfo":                 {404, "GET", body("}", `,"details":[{"@type":"type.googleapis.com/google.rpc.DebugInfo"}]}`), "DebugInfo has left"},
		"a leak":                    {404, "GET", body("No.", "at main.go:7"), `says ".go:"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := sound(test.status)
			test.change(got)
			invariants := conformance.Invariants{Table: documented(t), PublicURL: "https://x.example", Allowance: conformance.AllowanceTold, Pages: []string{"/healthz"}}
			err := invariants.Check(&conformance.Message{Method: test.method, Target: "/x"}, got)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want one that says %q", err, test.want)
			}
		})
	}
}

// A page of the server's own has no allowance, and may be HTML; nor has any response one
// Without a public URL a type leads to the page of its status, as a URL or as a path (RFC 9457
// §3.1.1), or there are no pages.
func TestTypes(t *testing.T) {
	t.Parallel()
	invariants := conformance.Invariants{Table: documented(t), Allowance: conformance.AllowanceTold}
	for kind, ok := range map[string]bool{
		"https://x.example/api/statuses/404": true, "/statuses/404": true, "/api/statuses/404": true, "about:blank": true,
		"https://x.example/statuses/400": false, "/statuses/400": false, "//x.example/statuses/404": false, "statuses/404": false, "": false,
	} {
		got := sound(http.StatusNotFound)
		with(got, "https://x.example/statuses/404", kind)
		if err := invariants.Check(&conformance.Message{Method: http.MethodGet, Target: "/x"}, got); (err == nil) != ok {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// where there is no limit.
func TestInvariantsWithoutLimit(t *testing.T) {
	t.Parallel()
	free := conformance.Invariants{Table: documented(t), PublicURL: "https://x.example", Allowance: conformance.AllowanceNone}
	limited := free
	limited.Allowance, limited.Pages = conformance.AllowanceTold, []string{"/healthz"}
	without := func(a *conformance.Answer) *conformance.Answer {
		for _, name := range []string{"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Ratelimit", "Ratelimit-Policy"} {
			a.Header.Del(name)
		}
		return a
	}
	bare := without(sound(200))
	hypertext := func(status int, kind string) *conformance.Answer {
		a := without(sound(status))
		a.Body = []byte("<p>")
		a.Length = len(a.Body)
		a.Header.Set("Content-Length", "3")
		a.Header.Set("Content-Type", kind)
		return a
	}
	const html = "text/html; charset=utf-8"
	page, other := &conformance.Message{Method: "GET", Target: "/healthz?x"}, &conformance.Message{Method: "GET", Target: "/x"}
	for name, test := range map[string]struct {
		invariants conformance.Invariants
		message    *conformance.Message
		got        *conformance.Answer
		holds      bool
	}{
		"no limit, no fields": {free, other, bare, true},
		"no limit, fields":    {free, other, sound(200), false},
		"a page, no fields":   {limited, page, bare, true},
		"a page, fields":      {limited, page, sound(200), false},
		"limit, no fields":    {limited, other, bare, false},
		"a page, HTML":        {limited, page, hypertext(200, html), true},
		"a page, other HTML":  {limited, page, hypertext(200, "text/html; charset=latin1"), false},
		"a page, an error":    {limited, page, hypertext(404, html), true},
		"no page, HTML":       {free, other, hypertext(200, html), false},
		"no page, an error":   {free, other, hypertext(404, html), true},
		"an error of a write": {free, &conformance.Message{Method: "POST", Target: "/x"}, hypertext(404, html), false},
	} {
		if err := test.invariants.Check(test.message, test.got); (err == nil) != test.holds {
			t.Errorf("%s: %v", name, err)
		}
	}
}
