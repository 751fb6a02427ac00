package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// pageOf is a page with a function.
func pageOf(handler http.HandlerFunc) gateway.Page { return gateway.Page{Handler: handler} }

func errorPage(err error) gateway.Page {
	return pageOf(func(w http.ResponseWriter, r *http.Request) { gateway.Error(w, r, err) })
}

func TestPages(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Canonical)
	c.Pages = map[string]gateway.Page{
		"/content": pageOf(func(w http.ResponseWriter, r *http.Request) { gateway.Content(w, r, "text/plain", []byte("content")) }),
		"/plain":   pageOf(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") }),
		"/teapot": pageOf(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "short")
		}),
		"/flush": pageOf(func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		}),
		"/unimplemented": errorPage(status.Error(codes.Unimplemented, "inner text")),
		"/broken":        errorPage(errors.New("secret")),
		"/panics":        pageOf(func(http.ResponseWriter, *http.Request) { panic("secret") }),
	}
	build(t, c, f)
	for _, test := range []struct {
		method, path string
		status       int
		body         string // that of a success
	}{
		{"GET", "/content", 200, "content"},
		{"HEAD", "/content", 200, ""},
		{"OPTIONS", "/content", 204, ""},
		{"POST", "/content", 405, ""},
		{"GET", "/plain", 200, "plain"},
		{"GET", "/teapot", 418, "short"},
		{"GET", "/flush", 200, ""},
		{"GET", "/unimplemented", 501, ""},
		{"GET", "/broken", 500, ""},
		{"GET", "/panics", 500, ""},
		{"GET", "/content/", 404, ""},
	} {
		got := record(t, f.gateway, test.method, test.path, "")
		if got.Code != test.status || test.body != "" && got.Body.String() != test.body || strings.Contains(got.Body.String(), "secret") {
			t.Errorf("%s %s: %d %s", test.method, test.path, got.Code, got.Body)
		}
		if allow := got.Header().Get("Allow"); (allow == "GET, HEAD, OPTIONS") != (test.status == 204 || test.status == 405) {
			t.Errorf("%s %s: Allow %q", test.method, test.path, allow)
		}
		if got.Header().Get("X-Request-Id") == "" || got.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %v", test.method, test.path, got.Header())
		}
	}
}

// A response of a page is logged like one of the gateway.
func TestPageIsLogged(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]line{
		"/plain":  {"status": 200.0, "written": 5.0, "route": "/plain", "level": "DEBUG"},
		"/teapot": {"status": 418.0, "written": 5.0, "route": "/teapot"},
	} {
		c, f := configure(t, policy.Documented)
		c.Logger = jsonLogger(f)
		c.Pages = map[string]gateway.Page{path: pageOf(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints) // does not count
			if path == "/teapot" {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = io.WriteString(w, "short")
		})}
		serve(t, c, f)
		exchangeOnce(t, f, "GET", get(path))
		logged := awaitLine(t, f)
		for name, value := range want {
			if logged[name] != value {
				t.Errorf("%s: %s is %v, want %v", path, name, logged[name], value)
			}
		}
	}
}

// tracer counts the requests that it traces.
type tracer int

func (c *tracer) Trace(r *http.Request) (context.Context, observe.Trace) {
	*c++
	return r.Context(), untraced{}
}

type untraced struct{ observe.Trace }

func (untraced) ID() string          { return "" }
func (untraced) End(*observe.Record) {}
func (untraced) Call(ctx context.Context, _ string, _ bool) (context.Context, observe.Call) {
	return ctx, nil
}

// A page that yields is served if the API has no route for it. A route of MappingService is the
// same page as JSON, so it does not replace it.
func TestPagesYield(t *testing.T) {
	t.Parallel()
	backend, err := dynamic.Linked(nil, entityv1.File_entity_v1_entity_service_proto.Services().ByName("EntityService"),
		mappingv1.File_statusway_mapping_v1_mapping_service_proto.Services().ByName("MappingService"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path   string
		yields bool
		status int // 200 is the page, 500 the route, whose backend has no connection
	}{
		{"/v1/entities", true, 500},
		{"/v1/entities", false, 200},
		{"/v1/entities/e1", true, 500},
		{"/v1/entities:import", true, 200}, // The API has only POST, which is another request.
		{"/v1/entities:import", false, 200},
		{"/free", true, 200},
		{"/statuses", true, 200},
		{"/statuses/404", true, 200},
		{"/v1/statuses:map", true, 200},
	} {
		page := pageOf(func(w http.ResponseWriter, r *http.Request) { gateway.Content(w, r, "text/plain", nil) })
		page.Yields = test.yields
		var traced tracer
		built, err := gateway.New(backend, gateway.Config{Pages: map[string]gateway.Page{test.path: page}, Tracer: &traced})
		if err != nil {
			t.Fatal(err)
		}
		if got := record(t, built, "GET", test.path, ""); got.Code != test.status {
			t.Errorf("%s, yields %t: %d %s", test.path, test.yields, got.Code, got.Body)
		}
		if isRoute := test.status != 200; (traced == 1) != isRoute {
			t.Errorf("%s, yields %t: traced %d times", test.path, test.yields, traced)
		}
	}
}

// The method decides between a page and the routes at its path.
func TestPagesBesideRoutes(t *testing.T) {
	t.Parallel()
	onBothBackends(t, times{}, same(echoFrame), func(t *testing.T, f *zooFront) {
		t.Helper()
		for _, test := range []struct {
			method, path, body string
			status             int
			allow, contains    string
		}{
			{"GET", "/v1/middle", "", 200, "", "the page"},
			{"HEAD", "/v1/middle", "", 200, "", ""},
			{"POST", "/v1/middle", `{"name":"a"}`, 200, "", `"name":"a"`},
			{"POST", "/v1/middle", `{`, 400, "", "MALFORMED"},
			{"OPTIONS", "/v1/middle", "", 204, "GET, HEAD, OPTIONS, POST", ""},
			{"PUT", "/v1/middle", "", 405, "GET, HEAD, OPTIONS, POST", "METHOD_NOT_ALLOWED"},
			{"GET", "/v1/left/a", "", 200, "", "the page"},
			{"PUT", "/v1/left/a", `{}`, 200, "", `"left":"a"`},
			{"DELETE", "/v1/left/a", "", 405, "GET, HEAD, OPTIONS, PUT", "METHOD_NOT_ALLOWED"},
			{"GET", "/v1/left/b", "", 405, "OPTIONS, PUT", "METHOD_NOT_ALLOWED"},
			{"GET", "/v1/animals/Ada", "", 200, "", `"name":"Ada"`},
			{"GET", "/v1/animals/Eve", "", 200, "", "the page"},
			{"DELETE", "/v1/animals/Eve", "", 204, "", ""},
			{"OPTIONS", "/v1/animals/Eve", "", 204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", ""},
			{"POST", "/free", "{}", 405, "GET, HEAD, OPTIONS", "METHOD_NOT_ALLOWED"},
			{"OPTIONS", "/free", "", 204, "GET, HEAD, OPTIONS", ""},
		} {
			code, fields, got := f.send(t, test.method, test.path, test.body)
			if code != test.status || fields.Get("Allow") != test.allow || !strings.Contains(got, test.contains) {
				t.Errorf("%s %s: %d, Allow %q, %s", test.method, test.path, code, fields.Get("Allow"), got)
			}
		}
	})
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// A browser gets an error as a page, and no error gives way to one about Accept.
func TestErrorPages(t *testing.T) {
	t.Parallel()
	failing := func(_ any, stream grpc.ServerStream) error {
		var message frame
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		if strings.Contains(string(message.data), "fine") {
			return stream.SendMsg(&message)
		}
		failed, err := status.New(codes.NotFound, `</p><script>alert("1")</script>`).WithDetails(
			&errdetails.ErrorInfo{Reason: "NO_<ANIMAL>", Domain: "zoo.v1"}, &statuswayv1.Problem{Type: "javascript:alert(1)", Title: "No \"animal\" & more"})
		if err != nil {
			return err
		}
		return failed.Err()
	}
	onBothBackends(t, times{}, same(failing), func(t *testing.T, f *zooFront) {
		t.Helper()
		const html, problem = "text/html; charset=utf-8", "application/problem+json"
		for _, test := range []struct {
			method, path, accept string
			status               int
			kind                 string
			contains             []string
		}{
			{"GET", "/nothing", browser, 404, html, []string{"<h1>404 Resource Not Found</h1>", "<p>no resource has this URL</p>", "ROUTE_NOT_FOUND"}},
			{"HEAD", "/nothing", browser, 404, html, nil},
			{"GET", "/nothing", "text/html", 404, html, nil},
			{"GET", "/nothing", "text/*", 404, html, nil},
			{"GET", "/nothing", "application/pdf", 404, problem, nil},
			{"GET", "/nothing", "", 404, problem, nil},
			{"GET", "/nothing", "*/*", 404, problem, nil},
			{"GET", "/nothing", "text/html, */*", 404, problem, nil},
			{"GET", "/nothing", "text/html, application/problem+json", 404, problem, nil},
			{"GET", "/nothing", "text/html, application/json", 404, problem, nil},
			{"GET", "/nothing", "text/html;q=0, application/json;q=0.1", 404, problem, nil},
			{"GET", "/nothing", "application/json;q=0, */*", 404, problem, nil},
			{"GET", "/nothing", "text/html, application/vnd.google.rpc.status+json", 404, "application/vnd.google.rpc.status+json", nil},
			{"POST", "/nothing", browser, 404, problem, nil},
			{"DELETE", "/v1/files/a", browser, 405, problem, nil},
			{"GET", "/v1/tags/Ada", browser, 405, html, []string{"METHOD_NOT_ALLOWED"}},
			{"GET", "/v1/animals/Bob?nosuch=1", browser, 400, html, nil},
			{"GET", "/v1/animals/Bob?nosuch=1", "application/pdf", 400, problem, nil},
			{"GET", "/v1/animals/Bob", browser, 404, html, []string{
				"<h1>404 No &#34;animal&#34; &amp; more</h1>", "<p>&lt;/p&gt;&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;</p>", "NO_&lt;ANIMAL&gt;",
			}},
			{"HEAD", "/v1/animals/Bob", browser, 404, html, nil},
			{"GET", "/v1/animals/Bob", "application/pdf", 404, problem, nil},
			{"GET", "/v1/animals/fine", browser, 200, "application/json", nil},
			{"GET", "/v1/animals/fine", "text/html", 415, html, []string{"NOT_ACCEPTABLE"}},
			{"GET", "/v1/animals/fine", "application/pdf", 415, problem, nil},
			{"PUT", "/v1/animals/Bob", "application/pdf", 415, problem, nil},
			{"GET", "/v1/animals:watch", browser, 404, html, nil},
			{"GET", "/broken", browser, 500, html, []string{"500 Internal Server Error"}},
		} {
			code, fields, got := f.send(t, test.method, test.path, "", "Accept", test.accept)
			if code != test.status || fields.Get("Content-Type") != test.kind || !slices.Contains(fields.Values("Vary"), "Accept") {
				t.Errorf("%s %s for %q: %d %s, Vary %q", test.method, test.path, test.accept, code, fields.Get("Content-Type"), fields.Values("Vary"))
			}
			lacks := slices.ContainsFunc(test.contains, func(part string) bool { return !strings.Contains(got, part) })
			if lacks || test.kind == html && (strings.Contains(got, "<script") || strings.Contains(got, `href="javascript`)) {
				t.Errorf("%s %s: %s", test.method, test.path, got)
			}
			if policy := fields.Get("Content-Security-Policy"); policy != "default-src 'none'; frame-ancestors 'none'" {
				t.Errorf("%s %s: Content-Security-Policy %q", test.method, test.path, policy)
			}
			if id := fields.Get("X-Request-Id"); test.kind == html && test.method == "GET" && !strings.Contains(got, id) {
				t.Errorf("%s %s: the page does not contain the request id %s", test.method, test.path, id)
			}
		}
	})
}

// A page links to the type of the problem if there is a page of it.
func TestErrorPageLink(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/statuses/404": `<a href="/statuses/404">`, "/other": "</body>"} {
		built, err := gateway.New(nil, gateway.Config{Pages: map[string]gateway.Page{path: pageOf(func(http.ResponseWriter, *http.Request) {})}})
		if err != nil {
			t.Fatal(err)
		}
		got := record(t, built, "GET", "/nothing", "", "Accept", browser).Body.String()
		if !strings.Contains(got, want) || strings.Contains(got, "href") != strings.HasPrefix(want, "<a") {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// File has an entity-tag, also outside a gateway.
func TestFile(t *testing.T) {
	t.Parallel()
	file := gateway.File("text/css", []byte("a{}"))
	built, err := gateway.New(nil, gateway.Config{Pages: map[string]gateway.Page{"/file": {Handler: file}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, handler := range map[string]http.Handler{"inside": built, "outside": file} {
		got := record(t, handler, "GET", "/file", "")
		tag := got.Header().Get("Etag")
		if got.Code != 200 || got.Body.String() != "a{}" || got.Header().Get("Content-Type") != "text/css" || tag == "" {
			t.Errorf("%s: %d %v %s", name, got.Code, got.Header(), got.Body)
		}
		for condition, status := range map[string]int{"If-None-Match": 304, "If-Match": 200} {
			if got := record(t, handler, "GET", "/file", "", condition, tag); got.Code != status || got.Header().Get("Etag") != tag {
				t.Errorf("%s, %s: %d %v", name, condition, got.Code, got.Header())
			}
		}
		if got := record(t, handler, "GET", "/file", "", "If-Match", `"other"`); got.Code != 412 {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
		if head := record(t, handler, "HEAD", "/file", ""); head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Etag") != tag {
			t.Errorf("%s: HEAD %d %v", name, head.Code, head.Header())
		}
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const html = "text/html; charset=utf-8"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, err := gateway.Negotiate(w, r, typeJSON, html)
		if err != nil {
			gateway.Error(w, r, err)
			return
		}
		gateway.Content(w, r, kind, nil)
	})
	built, err := gateway.New(nil, gateway.Config{Pages: map[string]gateway.Page{"/page": {Handler: handler}}})
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{
		"": typeJSON, "*/*": typeJSON, "text/html": html, "text/html;charset=UTF-8": html, "text/*, application/json;q=0.5": html,
		"application/problem+json": typeJSON, "application/vnd.google.rpc.status+json": typeJSON,
		"application/json;q=0, */*": html, "image/png": "NOT_ACCEPTABLE", "text/html;q=high": "MALFORMED_ACCEPT",
	} {
		for name, handler := range map[string]http.Handler{"inside": built, "outside": handler} {
			got := record(t, handler, "GET", "/page", "", "Accept", accept)
			kind := got.Header().Get("Content-Type")
			if got.Code != 200 && strings.Contains(got.Body.String(), want) {
				kind = want
			}
			if kind != want || got.Header().Get("Vary") != "Accept" {
				t.Errorf("%s, %s: %d %v %s", name, accept, got.Code, got.Header(), got.Body)
			}
			if list := got.Header().Get("Accept"); want == "NOT_ACCEPTABLE" && !strings.Contains(got.Body.String(), "text/html") || strings.Contains(list, "charset") {
				t.Errorf("%s, %s: %s", name, accept, got.Body)
			}
		}
	}
}

// Outside a gateway the functions for pages respond as the documented policy does.
func TestPagesAlone(t *testing.T) {
	t.Parallel()
	failing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gateway.Error(w, r, status.Error(codes.Unimplemented, "secret"))
	})
	if got := record(t, failing, "GET", "/", ""); got.Code != 500 || strings.Contains(got.Body.String(), "secret") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	content := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { gateway.Content(w, r, "text/plain", []byte("x")) })
	if got := record(t, content, "GET", "/", ""); got.Code != 200 || got.Body.String() != "x" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
	}
}

// What MarshalJSON writes UnmarshalJSON reads, also if it has a type that is not linked in.
func TestJSON(t *testing.T) {
	t.Parallel()
	unknown := &anypb.Any{TypeUrl: "type.googleapis.com/nobody.knows.This", Value: []byte{1, 2}}
	text, err := gateway.MarshalJSON(unknown)
	if err != nil || !json.Valid(text) {
		t.Fatalf("%s, %v", text, err)
	}
	read := &anypb.Any{}
	if err := gateway.UnmarshalJSON(text, read); err != nil || read.GetTypeUrl() != unknown.GetTypeUrl() || string(read.GetValue()) != "\x01\x02" {
		t.Errorf("%v, %v", read, err)
	}
	if err := gateway.UnmarshalJSON([]byte(`{"x":1}`), &entityv1.Entity{}); err == nil {
		t.Error("a field that does not exist is read")
	}
}
