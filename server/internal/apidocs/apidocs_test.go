package apidocs_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/apidocs"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

// A site is the pages of a document, between the pages that frame them.
type site struct {
	pages    map[string]http.Handler
	around   map[string]http.Handler
	gateway  *gateway.Gateway
	html     []byte
	document *openapi.Document
}

func newSite(t *testing.T) site {
	t.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	const url = "https://api.example.com"
	document := newDocument(t, url)
	mapper, err := gateway.NewMapper(nil, gateway.Config{Policy: table, PublicURL: url, PagesURL: url})
	if err != nil {
		t.Fatal(err)
	}
	service, err := mappingsvc.New(mapper, "test")
	if err != nil {
		t.Fatal(err)
	}
	around, err := catalogue.New(t.Context(), catalogue.Params{Mapper: mapper, Mapping: service, Has: tour.AnyServer})
	if err != nil {
		t.Fatal(err)
	}
	html, err := around.Frame(apidocs.Path, "OpenAPI", apidocs.Inside)
	if err != nil {
		t.Fatal(err)
	}
	s := site{around: around.Pages(), html: html, document: document}
	s.pages = apidocs.NewExplorer(html, func() (*openapi.Document, error) { return document, nil }).Pages()
	s.gateway = newGateway(t, s.pages)
	return s
}

// newDocument returns the document of an API with one method.
func newDocument(t *testing.T, url string) *openapi.Document {
	t.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	backend, err := dynamic.Linked(nil, mappingv1.File_statusway_mapping_v1_mapping_service_proto.Services().Get(0))
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi.New(backend, openapi.Params{Table: table, PublicURL: url, Title: "", License: "", Keys: false, Pages: nil})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func newGateway(t *testing.T, pages map[string]http.Handler) *gateway.Gateway {
	t.Helper()
	config := gateway.Config{Pages: map[string]gateway.Page{}}
	for path, page := range pages {
		config.Pages[path] = gateway.Page{Handler: page}
	}
	serves, err := gateway.New(nil, config)
	if err != nil {
		t.Fatal(err)
	}
	return serves
}

// get sends a request for a page through a gateway.
func get(t *testing.T, through *gateway.Gateway, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	through.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return recorder
}

func (s site) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	return get(t, s.gateway, path)
}

// A document that changes is served anew, and one that cannot be made is a failure of the server
// while the page stays.
func TestChange(t *testing.T) {
	t.Parallel()
	documents := []*openapi.Document{newDocument(t, "https://a.example.com"), newDocument(t, "https://b.example.com")}
	var current *openapi.Document
	failure := errors.New("secret")
	through := newGateway(t, apidocs.NewExplorer([]byte("page"), func() (*openapi.Document, error) { return current, failure }).Pages())
	for _, path := range []string{"/openapi.json", "/openapi.yaml"} {
		if got := get(t, through, path); got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "secret") {
			t.Errorf("%s without a document: %d %s", path, got.Code, got.Body)
		}
	}
	if got := get(t, through, "/openapi"); got.Code != http.StatusOK || got.Body.String() != "page" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	failure = nil
	tags := map[string]bool{}
	for i, server := range []string{"https://a.example.com", "https://b.example.com"} {
		current = documents[i]
		for _, path := range []string{"/openapi.json", "/openapi.yaml"} {
			got := get(t, through, path)
			if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), server) {
				t.Errorf("%s of %s: %d %s", path, server, got.Code, got.Body)
			}
			tags[got.Header().Get("Etag")] = true
		}
	}
	if len(tags) != 4 {
		t.Errorf("the entity-tags are %v", tags)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	text, err := s.document.YAML()
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	want := map[string]struct{ kind, body string }{
		"/openapi.json":                 {"application/json", string(s.document.JSON())},
		"/openapi.yaml":                 {"application/yaml", string(text)},
		"/openapi":                      {"text/html; charset=utf-8", string(s.html)},
		"/openapi/page.css":             {"text/css; charset=utf-8", file("page.css")},
		"/openapi/page.js":              {"text/javascript; charset=utf-8", file("page.js")},
		"/openapi/swagger-ui.css":       {"text/css; charset=utf-8", file("swagger-ui/swagger-ui.css")},
		"/openapi/swagger-ui-bundle.js": {"text/javascript; charset=utf-8", file("swagger-ui/swagger-ui-bundle.js")},
	}
	if len(s.pages) != len(want) {
		t.Errorf("there are %d pages, want %d", len(s.pages), len(want))
	}
	for path, page := range want {
		got := s.get(t, path)
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != page.kind || got.Body.String() != page.body {
			t.Errorf("%s: %d %s, and %d bytes", path, got.Code, got.Header().Get("Content-Type"), got.Body.Len())
		}
		for name, value := range map[string]string{"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"} {
			if got.Header().Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, got.Header().Get(name))
			}
		}
		if got.Header().Get("Etag") == "" || len(got.Header().Values("Content-Security-Policy")) != 1 {
			t.Errorf("%s: %v", path, got.Header())
		}
	}
}

// The page alone may load anything, and nothing but what this server has; no script and
// no style stands in it. It is called what the others are called, and leads to them.
func TestPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path := range s.pages {
		policy := s.get(t, path).Header().Get("Content-Security-Policy")
		if path != "/openapi" {
			if !strings.HasPrefix(policy, "default-src 'none'; frame-ancestors") {
				t.Errorf("%s: %s", path, policy)
			}
			continue
		}
		directives := strings.Split(policy, "; ")
		slices.Sort(directives)
		want := []string{
			"base-uri 'none'", "connect-src 'self'", "default-src 'none'", "form-action 'none'", "frame-ancestors 'none'",
			"img-src 'self' data:", "script-src 'self'", "style-src 'self'",
		}
		if !slices.Equal(directives, want) {
			t.Errorf("the page's policy is %q", directives)
		}
	}
	page := s.get(t, "/openapi").Body.String()
	for _, inline := range []string{"<script>", "<style", " style=", " onload=", " onclick=", "javascript:", "http:", "https:"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %q", inline)
		}
	}
	for _, found := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		path := "/" + strings.TrimPrefix(found[1], "./") // The page is at /openapi.
		if s.pages[path] == nil && s.around[path] == nil && found[1] != "#main" {
			t.Errorf("the page leads to %s, which is not there", found[1])
		}
	}
	for _, part := range []string{
		"<title>OpenAPI – Statusway</title>", `href="#main"`, `id="main"`, `<a href="./openapi" aria-current="page">`, `<a href="./playground">`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	// Swagger UI brings the main and the h1; the page has them for who has no script.
	inside := regexp.MustCompile("(?s)<noscript>.*</noscript>").ReplaceAllString(page, "")
	for _, tag := range []string{"<main", "<h1"} {
		if strings.Contains(inside, tag) || strings.Count(page, tag) != 1 {
			t.Errorf("the page has a %s of its own, or none without JavaScript", tag)
		}
	}
}

// The files of Swagger UI are those of its package, and bring their licence.
func TestFilesAreUnchanged(t *testing.T) {
	t.Parallel()
	sums, err := os.Open("swagger-ui/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sums.Close() }()
	var summed []string
	for lines := bufio.NewScanner(sums); lines.Scan(); {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		content, err := os.ReadFile(filepath.Join("swagger-ui", name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what it was", name)
		}
		summed = append(summed, name)
	}
	files, err := os.ReadDir("swagger-ui")
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, file := range files {
		if !slices.Contains(append(summed, "SHA256SUMS"), file.Name()) {
			t.Errorf("%s has no sum", file.Name())
		}
		if info, err := file.Info(); err == nil {
			size += info.Size()
		}
	}
	if !slices.Contains(summed, "LICENSE") || !slices.Contains(summed, "NOTICE") {
		t.Error("the licence is missing")
	}
	if size > 3<<20 {
		t.Errorf("all of them are %d bytes", size)
	}
}
