package app_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/tour"
)

var (
	asBrowser = [2]string{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
	asProgram = [2]string{"Accept", "application/json"}
)

// The page of a problem type is the row of the versioned API for a program, byte for
// byte, and a page for a browser. No limit counts either.
func TestProblemTypesArePages(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, func(c *config.Serve) { c.RateLimit, c.Gzip = "1000/1h", true }, nil, time.Now)
	paths := []string{"/statuses"}
	for _, row := range s.Params.Table.Policy().GetCatalogue() {
		paths = append(paths, "/statuses/"+strconv.Itoa(int(row.GetStatus())))
	}
	for _, path := range paths {
		versioned := s.Do(t, "", apptest.Get("/v1"+path))
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := s.Do(t, "", conformance.Request{Method: method, Target: path, Headers: [][2]string{asProgram}})
			apptest.WantStatus(t, got, http.StatusOK, "")
			apptest.WantHeaders(t, got, map[string]string{"Content-Type": "application/json", "Cache-Control": "no-cache", "X-Rate-Limit-Limit": ""})
			if method == http.MethodGet && string(got.Body) != string(versioned.Body) {
				t.Errorf("%s is %s, and /v1%s %s", path, got.Body, path, versioned.Body)
			}
		}
	}
	address := "http://" + s.Address()
	for _, path := range append(paths, "/", "/playground") {
		got := fetchAs(t, address+path, asBrowser, [2]string{"Accept-Encoding", "gzip"})
		isFixed := path != "/playground"
		policy := got.header.Get("Content-Security-Policy")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/html; charset=utf-8" || got.header.Get("X-Rate-Limit-Limit") != "" ||
			isFixed != (got.header.Get("Content-Encoding") == "gzip") || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		if vary := strings.Join(got.header.Values("Vary"), ", "); isFixed && path != "/" && vary != "Accept, Accept-Encoding" {
			t.Errorf("%s: Vary is %q", path, vary)
		}
		if tag := got.header.Get("Etag"); isFixed {
			again := fetchAs(t, address+path, asBrowser, [2]string{"Accept-Encoding", "gzip"}, [2]string{"If-None-Match", tag})
			if again.status != http.StatusNotModified || again.header.Get("Etag") != tag {
				t.Errorf("%s again: %d %v", path, again.status, again.header)
			}
		}
	}
}

// A status without a page is not found, in the form that Accept prefers.
func TestNoPageOfStatus(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for _, path := range []string{"/statuses/999", "/v1/statuses/999", "/nothing"} {
		for accept, kind := range map[string]string{
			"text/html": "text/html; charset=utf-8", asBrowser[1]: "text/html; charset=utf-8", "text/markdown": "application/problem+json",
		} {
			got := fetchAs(t, "http://"+s.Address()+path, [2]string{"Accept", accept})
			if got.status != http.StatusNotFound || got.header.Get("Content-Type") != kind || strings.Contains(got.body, `href="`) != strings.HasPrefix(kind, "text") {
				t.Errorf("%s for %s: %d %s %s", path, accept, got.status, got.header.Get("Content-Type"), got.body)
			}
		}
	}
}

// A proxy has the pages of its own policy, whatever its backend's is, and every request
// that needs nothing of a backend ends as they say.
func TestCatalogueOfProxy(t *testing.T) {
	t.Parallel()
	backend := apptest.Start(t, "canonical")
	url, _ := runProxy(t, func(c *config.Proxy) { c.Backend = []string{backend.App.GRPCAddr()} })
	becomes(t, url+"/readyz", http.StatusOK, "ok")
	list := fetchAs(t, url+"/statuses", asProgram)
	if list.status != http.StatusOK || strings.Contains(list.body, `"status":504`) || !strings.Contains(list.body, `"status":418`) {
		t.Errorf("the proxy's table: %d %s", list.status, list.body)
	}
	if behind := fetchAs(t, url+"/v1/statuses", asProgram); !strings.Contains(behind.body, `"status":504`) {
		t.Errorf("the backend's table: %d %s", behind.status, behind.body)
	}
	if document := fetchAs(t, url+"/openapi.json"); strings.Count(document.body, `"text/html": {`) != 2 {
		t.Error("the document tells not of the two routes that are pages too")
	}
	guide := tour.NewGuide(&http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}, url)
	for _, step := range tour.Steps() {
		page := fetchAs(t, url+"/statuses/"+strconv.Itoa(step.Row), asBrowser)
		shown := strings.Contains(page.body, `<article class="step" id="`+step.Name+`"`)
		offered := strings.Contains(page.body, `{&#34;name&#34;:&#34;`+step.Name+`&#34;`)
		if !shown || offered != (step.Needs == tour.AnyServer) {
			t.Errorf("%s is shown: %t, and to be tried: %t", step.Name, shown, offered)
		}
		if !offered {
			continue
		}
		visit, err := guide.Walk(t.Context(), step)
		if err != nil || visit.Row != step.Row {
			t.Errorf("%s ends in %d, %v", step.Name, visit.Row, err)
		}
	}
}

// What a backend has at the path of a page is there for its clients, whatever the method.
func TestBackendsRoutesBeforePages(t *testing.T) {
	t.Parallel()
	listener := bind(t, "127.0.0.1:0")
	openShop(t, listener, shop("shop.v1", "/statuses", "/statuses/404", "/playground"))
	url, _ := runProxy(t, func(c *config.Proxy) { c.Backend = []string{listener.Addr().String()} })
	for path, method := range map[string]string{"/statuses": "A", "/statuses/404": "B", "/playground": "C"} {
		becomes(t, url+path, http.StatusNotFound, "called /shop.v1.Shop/Get"+method)
	}
	if document := fetchAs(t, url+"/openapi.json"); document.status != http.StatusOK || strings.Contains(document.body, "text/html") {
		t.Errorf("the document is answered %d, and tells of pages that are not there", document.status)
	}
	for _, path := range []string{"/", "/statuses/405"} {
		if got := fetchAs(t, url+path, asBrowser); got.status != http.StatusOK || !strings.HasPrefix(got.body, "<!DOCTYPE html>") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}
