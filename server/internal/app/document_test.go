package app_test

import (
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// The document is served as the program writes it, to whoever asks, whatever else is
// closed or limited.
func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"default", "canonical", "maintenance", "rate-limited"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, variant)
			document, err := app.Document(app.DocumentParams{Demo: true, Table: s.Params.Table, PublicURL: apptest.PublicURL})
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
		if got := fetch(t, url+path); got.status != 200 || !strings.Contains(page.body, `".`+path+`"`) {
			t.Errorf("%s is answered %d, and the page is %s", path, got.status, page.body)
		}
	}
	first := openShop(t, bind(t, address), shop("shop.v1", "/v1/a"))
	becomes(t, url+"/openapi.json", 200, `"/v1/a": {`)
	one := fetch(t, url+"/openapi.json")
	for _, text := range []string{`"title": "shop.v1"`, `"operationId": "shop.v1.Shop.GetA"`, `"url": "` + apptest.PublicURL + `"`} {
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
