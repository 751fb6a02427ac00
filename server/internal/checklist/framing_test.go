package checklist_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// headOf returns the bytes of one response's header section.
func headOf(answer string) string {
	head, _, _ := strings.Cut(answer, "\r\n\r\n")
	return head
}

// closing ends a request after which the server is to close.
const closing = "Connection: close"

// kinds are requests whose answers differ in who writes them and in their framing.
func kinds(s *apptest.Server) map[string][]string {
	viewer := "Authorization: Bearer " + s.Tokens["viewer"]
	return map[string][]string{
		"200":           {"GET /v1/entities/cup HTTP/1.1", "Host: x", viewer, closing, "\r\n"},
		"200 to HEAD":   {"HEAD /v1/entities/cup HTTP/1.1", "Host: x", viewer, closing, "\r\n"},
		"200, a stream": {"GET /v1/entities:export HTTP/1.1", "Host: x", viewer, closing, "\r\n"},
		"200, a page":   {"GET /healthz HTTP/1.1", "Host: x", closing, "\r\n"},
		"204":           {"OPTIONS /v1/entities HTTP/1.1", "Host: x", closing, "\r\n"},
		"304":           {"GET /v1/entities/cup HTTP/1.1", "Host: x", viewer, "If-None-Match: *", closing, "\r\n"},
		"400 of ours":   {"GET /v1/entities?pageSize=x HTTP/1.1", "Host: x", viewer, closing, "\r\n"},
		"400, no Host":  {"GET / HTTP/1.1", "\r\n"},
		"400, no HTTP":  {"hello, is anybody there", "\r\n"},
		"401":           {"GET /v1/entities HTTP/1.1", "Host: x", closing, "\r\n"},
		"404":           {"GET /nothing HTTP/1.1", "Host: x", closing, "\r\n"},
		"405":           {"BREW /v1/entities HTTP/1.1", "Host: x", closing, "\r\n"},
		"410":           {"GET /v0/x HTTP/1.1", "Host: x", closing, "\r\n"},
		"413, a header": {"GET / HTTP/1.1", "Host: x", "X: " + strings.Repeat("x", 90_000), "\r\n"},
		"418":           {"GET /v1/statuses HTTP/1.1", "Host: x", "Expect: tea", closing, "\r\n"},
	}
}

// checklist: ALL-02, ALL-03
func TestFraming(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	line := regexp.MustCompile(`^HTTP/1\.1 ([1-5][0-9]{2}) [\t -~]*$`)
	for name, lines := range kinds(s) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := headOf(s.Raw(t, lines...))
			first, rest, _ := strings.Cut(head, "\r\n")
			parts := line.FindStringSubmatch(first)
			if parts == nil || !strings.HasPrefix(name, parts[1]) {
				t.Errorf("the status line is %q", first)
			}
			fields := strings.ToLower("\r\n" + rest)
			length, coding := strings.Count(fields, "\r\ncontent-length:"), strings.Count(fields, "\r\ntransfer-encoding:")
			if length+coding > 1 {
				t.Errorf("%d Content-Length and %d Transfer-Encoding:\n%s", length, coding, head)
			}
			if none := strings.HasPrefix(name, "204") || strings.HasPrefix(name, "304"); none && length+coding > 0 {
				t.Errorf("an answer without content is framed:\n%s", head)
			}
		})
	}
}

// A request with both is how requests are smuggled past a proxy; what comes behind it
// on the connection is never read.
//
// checklist: ALL-17
func TestLengthBesideCoding(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	body := `{"username":"viewer","password":"demo"}`
	got := s.Raw(t,
		"POST /v1/sessions HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 4", "Transfer-Encoding: chunked", "",
		fmt.Sprintf("%x", len(body)), body, "0", "", "GET /healthz HTTP/1.1", "Host: smuggled", "\r\n")
	answers := strings.Count(got, "HTTP/1.1 ")
	if answers != 1 || !strings.Contains(headOf(got), "\r\nConnection: close") {
		t.Errorf("%d answers, and not one that closes:\n%s", answers, got)
	}
}

// checklist: 417-04, ALL-04
func TestExpectInHTTP10(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	body := `{"username":"viewer","password":"demo"}`
	got := s.Raw(t, "POST /v1/sessions HTTP/1.0", "Content-Type: application/json", "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	if head := headOf(got); !strings.HasPrefix(head, "HTTP/1.0 201 ") && !strings.HasPrefix(head, "HTTP/1.1 201 ") || strings.Contains(got, "100 Continue") ||
		strings.Contains(head, "Transfer-Encoding") {
		t.Errorf("got\n%s", got)
	}
}

// Each request that is refused for its Expect is served as any other without it.
//
// checklist: 417-08
func TestNoExpectationFailsUnasked(t *testing.T) {
	t.Parallel()
	servers := apptest.NewFleet(t)
	compared := 0
	for _, c := range apptest.LoadCases(t) {
		raw := len(c.Request.Raw) > 0
		if c.Response.Status != 417 && c.Response.Status != 418 {
			continue
		}
		isExpect := func(pair [2]string) bool { return strings.EqualFold(pair[0], "Expect") }
		if raw || !slices.ContainsFunc(c.Request.Headers, isExpect) {
			t.Errorf("%s: refused without Expect", c.Name)
			continue
		}
		compared++
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			plain := c.Request
			plain.Headers = slices.DeleteFunc(slices.Clone(plain.Headers), isExpect)
			if got := servers.Server(t, c.Variant()).Do(t, c.As, plain); got.Status == 417 || got.Status == 418 {
				t.Errorf("%d without Expect: %s", got.Status, got.Body)
			}
		})
	}
	if compared == 0 {
		t.Error("no case is refused for its Expect")
	}
}

// checklist: ALL-19
func TestFieldsOverHTTP2(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, func(c *config.Serve) { c.Grace = time.Second }, nil, time.Now)
	viewer := hpack.HeaderField{Name: "authorization", Value: "Bearer " + s.Tokens["viewer"]}
	name := regexp.MustCompile("^:?[a-z0-9!#$%&'*+.^_`|~-]+$")
	json := hpack.HeaderField{Name: "content-type", Value: "application/json"}
	for title, fields := range map[string][]hpack.HeaderField{
		"200":    ask("GET", "/v1/entities/cup", viewer),
		"stream": ask("GET", "/v1/entities:export", viewer),
		"HEAD":   ask("HEAD", "/v1/entities", viewer),
		"204":    ask("OPTIONS", "/v1/entities"),
		"304":    ask("GET", "/v1/entities/cup", viewer, hpack.HeaderField{Name: "if-none-match", Value: "*"}),
		"400":    ask("GET", "/v1/entities?x=%0d%0aevil:%201", viewer),
		"401":    ask("GET", "/v1/entities"),
		"404":    ask("GET", "/no%0d%0aevil:%201"),
		"405":    ask("BREW", "/v1/entities"),
		"410":    ask("GET", "/v0/x"),
		"413":    ask("POST", "/v1/sessions", json, hpack.HeaderField{Name: "content-length", Value: "9999999"}),
		"418":    ask("GET", "/v1/statuses", hpack.HeaderField{Name: "expect", Value: "tea"}),
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			var body []byte
			if title == "413" {
				body = []byte{}
			}
			sent := frames(t, s.Address(), fields, body)
			if len(sent) != 1 {
				t.Fatalf("%d header sections: %v", len(sent), sent)
			}
			for _, field := range sent[0] {
				connection := slices.Contains([]string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}, field.Name)
				if !name.MatchString(field.Name) || connection {
					t.Errorf("the field %q: %q", field.Name, field.Value)
				}
				if field.Value != strings.Trim(field.Value, " \t") || strings.ContainsAny(field.Value, "\r\n\x00") {
					t.Errorf("the value of %s is %q", field.Name, field.Value)
				}
			}
		})
	}
}

// What a response says of caches when the request had credentials.
//
// checklist: ALL-22
func TestNoSharedCachingOfCredentials(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	asked := 0
	for _, route := range apptest.Routes() {
		if route.Method.IsStreamingServer() {
			continue
		}
		target := route.Target(map[string]string{"": "404"})
		asked++
		for _, user := range []string{"viewer", "admin"} {
			one := conformance.Request{Method: route.Verb, Target: target}
			if route.Verb == http.MethodPut && strings.HasSuffix(target, "maintenance") {
				one.JSON = apptest.JSON(map[string]any{"enabled": false})
			}
			got := s.Do(t, user, one)
			control := strings.ToLower(strings.Join(got.Header.Values("Cache-Control"), ","))
			for _, shared := range []string{"public", "s-maxage", "must-revalidate"} {
				if strings.Contains(control, shared) {
					t.Errorf("%s %s as %s: %d with Cache-Control %q", route.Verb, target, user, got.Status, control)
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d routes were asked", asked)
	}
}

// Nothing safe creates: no route of GET declares 201, and none of the cases that read
// is answered so, whatever the backend would like.
//
// checklist: 201-07
func TestSafeMethodsCreateNothing(t *testing.T) {
	t.Parallel()
	reads := 0
	for _, route := range apptest.Routes() {
		if route.Verb == http.MethodGet {
			reads++
			if slices.Contains(route.Successes(), http.StatusCreated) {
				t.Errorf("%s reads and declares 201", route.Name())
			}
		}
	}
	if reads == 0 {
		t.Error("nothing reads")
	}
	for _, c := range apptest.LoadCases(t) {
		safe := slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, c.Request.Method)
		if safe && c.Response.Status == http.StatusCreated {
			t.Errorf("%s: %s is answered 201", c.Name, c.Request.Method)
		}
	}
}
