package catalogue_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/statusway/statusway/gateway/policy"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/tour"
)

// policies are the pages under each built-in policy, as a demo has them.
func policies(t *testing.T) map[string]site {
	t.Helper()
	sites := map[string]site{}
	for _, name := range []string{policy.Documented, policy.Canonical} {
		sites[name] = newSite(t, builtin(t, name), tour.DemoData)
	}
	return sites
}

// Every row has its page, and there is nothing else.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, s := range policies(t) {
		want := []string{
			"/", "/statuses", "/playground",
			"/catalogue/frame.css", "/catalogue/page.css", "/catalogue/page.js", "/catalogue/icon.svg", "/catalogue/expect",
		}
		for _, row := range builtin(t, name).Rows() {
			want = append(want, "/statuses/"+strconv.Itoa(int(row.GetStatus())))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.pages))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, path := range s.htmlPages(t) {
			got := s.browse(t, path)
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "text/html; charset=utf-8" || got.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s, %s: %d %v", name, path, got.Code, got.Header())
			}
			head := s.ask(t, http.MethodHead, path, map[string]string{"Accept": "text/html"})
			if head.Code != http.StatusOK || head.Body.Len() > 0 || head.Header().Get("Content-Length") != got.Header().Get("Content-Length") {
				t.Errorf("%s, HEAD %s: %d %v", name, path, head.Code, head.Header())
			}
		}
	}
	for path, kind := range map[string]string{
		"/catalogue/frame.css": "text/css; charset=utf-8", "/catalogue/page.css": "text/css; charset=utf-8",
		"/catalogue/page.js": "text/javascript; charset=utf-8", "/catalogue/icon.svg": "image/svg+xml",
	} {
		if got := policies(t)[policy.Documented].browse(t, path); got.Code != http.StatusOK || got.Header().Get("Content-Type") != kind {
			t.Errorf("%s: %d %v", path, got.Code, got.Header())
		}
	}
}

// The page of a problem type is HTML for a browser and JSON for a program, and each has
// an entity-tag of its own.
func TestNegotiation(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.AnyServer)
	const page, plain = "text/html; charset=utf-8", "application/json"
	for _, path := range []string{"/statuses", "/statuses/404"} {
		tags := map[string]string{}
		for _, test := range []struct{ accept, kind string }{
			{"", plain},
			{"*/*", plain},
			{"application/json", plain},
			{"application/*", plain},
			{"application/problem+json", plain},
			{"application/vnd.google.rpc.status+json", plain},
			{"text/html", page},
			{"text/*", page},
			{"text/html;charset=UTF-8", page},
			{"text/html, application/json;q=0.9", page},
			{"text/html, application/json", plain},
			{"text/html;q=0.1, */*;q=0.1", plain},
			{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", page},
			{"application/json;q=0, */*", page},
		} {
			got := s.ask(t, http.MethodGet, path, map[string]string{"Accept": test.accept})
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != test.kind || got.Header().Get("Vary") != "Accept" {
				t.Errorf("%s, Accept: %s: %d %v", path, test.accept, got.Code, got.Header())
			}
			tags[test.kind] = got.Header().Get("Etag")
		}
		if tags[page] == "" || tags[plain] == "" || tags[page] == tags[plain] {
			t.Errorf("%s: the entity-tags are %v", path, tags)
		}
		for _, test := range []struct {
			accept, name, tag string
			status            int
		}{
			{"text/html", "If-None-Match", tags[page], http.StatusNotModified},
			{"text/html", "If-None-Match", tags[plain], http.StatusOK},
			{"application/json", "If-None-Match", tags[plain], http.StatusNotModified},
			{"application/json", "If-None-Match", tags[page], http.StatusOK},
			{"text/html", "If-Match", tags[page], http.StatusOK},
			{"text/html", "If-Match", tags[plain], http.StatusPreconditionFailed},
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got := s.ask(t, method, path, map[string]string{"Accept": test.accept, test.name: test.tag})
				if got.Code != test.status || got.Header().Get("Vary") != "Accept" {
					t.Errorf("%s %s as %s, %s: %s: %d %v", method, path, test.accept, test.name, test.tag, got.Code, got.Header())
				}
			}
		}
	}
}

// A request that can have neither is told so, as any other that negotiates.
func TestNotAcceptable(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{policy.Documented: http.StatusUnsupportedMediaType, policy.Canonical: http.StatusNotAcceptable} {
		s := newSite(t, builtin(t, name), tour.AnyServer)
		got := s.ask(t, http.MethodGet, "/statuses", map[string]string{"Accept": "image/png"})
		if got.Code != status || got.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(got.Body.String(), "NOT_ACCEPTABLE") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
		got = s.ask(t, http.MethodGet, "/statuses/404", map[string]string{"Accept": "text/html;q=high"})
		if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "MALFORMED_ACCEPT") || got.Header().Get("Vary") != "Accept" {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
	s := newSite(t, builtin(t, policy.Documented), tour.AnyServer)
	if got := s.browse(t, "/catalogue/expect"); got.Code != http.StatusTeapot || !strings.Contains(got.Body.String(), "EXPECTATION_FAILED") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// What a program reads is what MappingService says.
func TestJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Canonical), tour.AnyServer)
	read := func(path string, into proto.Message) {
		got := s.ask(t, http.MethodGet, path, nil)
		if err := protojson.Unmarshal(got.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	list := &mappingv1.ListStatusesResponse{}
	read("/statuses", list)
	want, err := s.mapping.ListStatuses(t.Context(), &mappingv1.ListStatusesRequest{})
	if diff := cmp.Diff(want, list, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	for _, one := range list.GetStatuses() {
		got := &mappingv1.Status{}
		read("/statuses/"+strconv.Itoa(int(one.GetRow().GetStatus())), got)
		if diff := cmp.Diff(one, got, protocmp.Transform()); diff != "" {
			t.Errorf("-in the list +its page:\n%s", diff)
		}
		if one.GetType() != "" && s.pages[strings.TrimPrefix(one.GetType(), publicURL)] == nil {
			t.Errorf("%s is no page", one.GetType())
		}
	}
}

// Problems are the pages that are JSON too, and no others.
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, s := range policies(t) {
		var want []string
		for path := range s.pages {
			if s.ask(t, http.MethodGet, path, nil).Header().Get("Content-Type") == "application/json" {
				want = append(want, path)
			}
		}
		slices.Sort(want)
		got := catalogue.Problems(builtin(t, name))
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Frame puts the top and the bottom of these pages around another, and leaves them as
// they were.
func TestFrame(t *testing.T) {
	t.Parallel()
	p, _ := parts(t, builtin(t, policy.Documented))
	p.Has = tour.DemoData
	made, err := catalogue.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	const inside = `{{define "head"}}<link rel="stylesheet" href="/other.css">{{end}}{{define "content"}}<main id="main"><h1>{{.Path}}</h1></main>{{end}}`
	for range 2 {
		text, err := made.Frame("/openapi", "Another", inside)
		if err != nil {
			t.Fatal(err)
		}
		page := parse(t, string(text))
		report := func(format string, args ...any) { t.Errorf(format, args...) }
		checkLandmarks(page, report)
		checkNames(page, report)
		var loads, current []string
		for one := range page.all("link", "script", "a", "title", "h1") {
			switch {
			case one.Data == "title" && one.text() != "Another – Statusway", one.Data == "h1" && one.text() != "/openapi":
				t.Errorf("the %s is %q", one.Data, one.text())
			case one.attribute("rel") == "stylesheet" || one.Data == "script":
				loads = append(loads, one.attribute("href")+one.attribute("src"))
			case one.has("aria-current"):
				current = append(current, one.text())
			}
		}
		if diff := cmp.Diff([]string{"./catalogue/frame.css", "./other.css"}, loads); diff != "" {
			t.Errorf("what it loads (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"OpenAPI"}, current); diff != "" {
			t.Errorf("where it is (-want +got):\n%s", diff)
		}
	}
	for _, wrong := range []string{`{{define "content"}}`, `{{define "content"}}{{.Nothing}}{{end}}`} {
		if text, err := made.Frame("/wrong", "", wrong); err == nil || !strings.Contains(err.Error(), "/wrong") {
			t.Errorf("%s: %v, and %s", wrong, err, text)
		}
	}
}

// A page may load its own files and ask its own server, and nothing else; no script and
// no style stands in it.
func TestPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.DemoData)
	want := []string{
		"base-uri 'none'", "connect-src 'self'", "default-src 'none'", "form-action 'self'", "frame-ancestors 'none'",
		"img-src 'self'", "script-src 'self'", "style-src 'self'",
	}
	for path := range s.pages {
		got := s.browse(t, path)
		directives := strings.Split(got.Header().Get("Content-Security-Policy"), "; ")
		slices.Sort(directives)
		// An error may be a page too, which loads nothing.
		isPage := got.Code == http.StatusOK && strings.HasPrefix(got.Header().Get("Content-Type"), "text/html")
		if isPage != slices.Equal(directives, want) || len(got.Header().Values("Content-Security-Policy")) != 1 {
			t.Errorf("%s: %q", path, got.Header().Values("Content-Security-Policy"))
		}
		if !isPage {
			continue
		}
		for one := range parse(t, got.Body.String()).all() {
			if one.Data == "style" || one.Data == "script" && (!one.has("src") || one.text() != "") {
				t.Errorf("%s has a %s in it", path, one.Data)
			}
			for _, attribute := range one.Attr {
				if strings.HasPrefix(attribute.Key, "on") || attribute.Key == "style" {
					t.Errorf("%s: a %s has %s", path, one.Data, attribute.Key)
				}
			}
		}
	}
}

// Every link leads somewhere: to a page, to a part of one, or to a standard.
func TestLinks(t *testing.T) {
	t.Parallel()
	elsewhere := []string{"/openapi", "/v1/policy"} // They are the program's, and not of this package.
	for name, s := range policies(t) {
		pages := map[string]document{}
		for _, path := range s.htmlPages(t) {
			pages[path] = parse(t, s.browse(t, path).Body.String())
		}
		for path, page := range pages {
			for one := range page.all() {
				for _, key := range []string{"href", "src", "action"} {
					if !one.has(key) {
						continue
					}
					target, err := url.Parse(one.attribute(key))
					if err != nil {
						t.Fatal(err)
					}
					if target.IsAbs() {
						isStandard := slices.Contains([]string{"www.rfc-editor.org", "google.aip.dev"}, target.Host)
						if key != "href" || one.Data != "a" || one.attribute("rel") != "noreferrer" || !isStandard {
							t.Errorf("%s, %s: %s", name, path, target)
						}
						continue
					}
					if strings.HasPrefix(target.Path, "/") {
						t.Errorf("%s, %s: %s leads elsewhere where the pages are below a path prefix", name, path, target)
					}
					to := (&url.URL{Path: path}).ResolveReference(target).Path
					if s.pages[to] == nil && !slices.Contains(elsewhere, to) {
						t.Errorf("%s, %s: there is no page %s", name, path, target)
					}
					if target.Fragment == "" {
						continue
					}
					if _, ok := pages[to].byID(target.Fragment); !ok {
						t.Errorf("%s, %s: nothing in %s is called %s", name, path, to, target.Fragment)
					}
				}
			}
		}
	}
}
