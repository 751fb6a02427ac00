package gateway_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
)

// withPages adds the pages that problem types name, and one that fails.
func withPages(c *gateway.Config) {
	c.Pages = map[string]gateway.Page{
		"/statuses/404": {Handler: gateway.File("text/plain", []byte("404"))},
		"/closed": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gateway.Error(w, r, status.Error(codes.Unavailable, "closed"))
		})},
	}
}

// below mounts a gateway below a path.
func below(path string) func(http.Handler) http.Handler {
	return func(handler http.Handler) http.Handler { return http.StripPrefix(path, handler) }
}

// Every URL of the API in a response begins with the path below which the client reaches it.
func TestPrefix(t *testing.T) {
	t.Parallel()
	const edge = "X-Forwarded-Prefix"
	for name, test := range map[string]struct {
		publicURL, pagesURL string
		noPages             bool
		// stripped is what http.StripPrefix removes, untrusted that the proxy is not trusted.
		stripped  string
		untrusted bool
		absolute  bool // The target is a whole URL, as proxies send it.
		forwarded []string
		// types is the prefix of problem types, prefix that of all paths.
		types, prefix string
	}{
		"at the root":                             {},
		"below a path":                            {stripped: "/api", types: "/api", prefix: "/api"},
		"below a path, with an absolute target":   {stripped: "/api", absolute: true, types: "/api", prefix: "/api"},
		"at the root, with an absolute target":    {absolute: true},
		"behind a proxy with an escaped path":     {forwarded: []string{"/a%20b"}, types: "/a%20b", prefix: "/a%20b"},
		"behind a proxy":                          {forwarded: []string{"/edge"}, types: "/edge", prefix: "/edge"},
		"behind a proxy, with a slash":            {forwarded: []string{"/edge/"}, types: "/edge", prefix: "/edge"},
		"behind a proxy at its root":              {forwarded: []string{"/"}},
		"behind two proxies":                      {forwarded: []string{"/edge, /inner"}, types: "/edge/inner", prefix: "/edge/inner"},
		"behind two proxies, on two lines":        {forwarded: []string{"/edge", "/inner"}, types: "/edge/inner", prefix: "/edge/inner"},
		"behind a proxy, below a path":            {forwarded: []string{"/edge"}, stripped: "/api", types: "/edge/api", prefix: "/edge/api"},
		"behind a proxy, with dot segments":       {forwarded: []string{"/a/../b"}},
		"behind a proxy, with escaped dots":       {forwarded: []string{"/a/%2e%2E/b"}},
		"behind a proxy, with empty segments":     {forwarded: []string{"/.//evil.example"}},
		"an untrusted proxy":                      {forwarded: []string{"/edge"}, untrusted: true},
		"an untrusted proxy, below a path":        {forwarded: []string{"/edge"}, untrusted: true, stripped: "/api", types: "/api", prefix: "/api"},
		"a proxy that says a URL":                 {forwarded: []string{"https://evil.example"}},
		"a proxy that says an authority":          {forwarded: []string{"//evil.example"}},
		"a proxy that says a query":               {forwarded: []string{"/edge?x"}},
		"a proxy that says a space":               {forwarded: []string{"/ed ge"}},
		"a proxy that says a relative path":       {forwarded: []string{"edge"}},
		"a proxy that says too much":              {forwarded: []string{"/" + strings.Repeat("x", 300)}},
		"a public URL":                            {publicURL: publicURL, types: publicURL},
		"a public URL with a slash":               {publicURL: publicURL + "/", types: publicURL},
		"a public URL with a path":                {publicURL: publicURL + "/api", types: publicURL + "/api", prefix: "/api"},
		"a public URL with a path and slash":      {publicURL: publicURL + "/api/", types: publicURL + "/api", prefix: "/api"},
		"a public URL, below the same path":       {publicURL: publicURL + "/api", stripped: "/api", types: publicURL + "/api", prefix: "/api"},
		"a public URL, behind a proxy":            {publicURL: publicURL + "/api", forwarded: []string{"/edge"}, types: publicURL + "/api", prefix: "/api"},
		"pages elsewhere":                         {pagesURL: "https://docs.example.com/x/", stripped: "/api", types: "https://docs.example.com/x", prefix: "/api"},
		"pages elsewhere, and a path":             {publicURL: publicURL + "/a", pagesURL: "https://d.example", types: "https://d.example", prefix: "/a"},
		"no pages":                                {noPages: true, stripped: "/api", types: "about:blank", prefix: "/api"},
		"no pages, and a public URL":              {noPages: true, publicURL: publicURL + "/api", types: "about:blank", prefix: "/api"},
		"pages elsewhere, with none of their own": {noPages: true, pagesURL: "https://docs.example.com", types: "https://docs.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			withPages(&c)
			if test.noPages {
				delete(c.Pages, "/statuses/404")
			}
			c.PublicURL, c.PagesURL, c.Around = test.publicURL, test.pagesURL, below(test.stripped)
			if !test.untrusted {
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // as httptest's requests
			}
			build(t, c, f)
			send := func(method, path, body string) *httptest.ResponseRecorder {
				t.Helper()
				target := test.stripped + path
				if test.absolute {
					target = "http://example.com" + target
				}
				request := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				request.Header[edge] = test.forwarded
				recorder := httptest.NewRecorder()
				f.gateway.ServeHTTP(recorder, request)
				return recorder
			}
			created := send("POST", "/v1/entities", "{}")
			want := test.prefix + "/v1/entities/e1"
			if created.Code != 201 || created.Header().Get("Location") != want || created.Header().Get("Content-Location") != want {
				t.Errorf("created: %d %v", created.Code, created.Header())
			}
			for path, status := range map[string]string{"/v1/n%20t?x=y": "404", "/v1/n%2Ft": "404", "/v1/n|t": "404", "/v0/x": "410", "/closed": "503"} {
				got := send("GET", path, "")
				typeURI := test.types
				if typeURI != "about:blank" {
					typeURI += "/statuses/" + status
				}
				plain, _, _ := strings.Cut(strings.ReplaceAll(path, "|", "%7C"), "?")
				checkPlace(t, got, typeURI, test.prefix+plain)
				if link := `<` + test.prefix + `/v1/entities>; rel="successor-version"`; status == "410" && got.Header().Get("Link") != link {
					t.Errorf("Link is %q, want %q", got.Header().Get("Link"), link)
				}
			}
		})
	}
}

// A prefix that ends with a slash leaves a path without one, and a prefix alone leaves no path.
func TestPathsWithoutASlash(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	withPages(&c)
	c.PublicURL, c.Around = "", below("/api/")
	build(t, c, f)
	if got := record(t, f.gateway, "GET", "/api/v1/entities/e1", ""); got.Code != http.StatusOK {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	checkPlace(t, record(t, f.gateway, "GET", "/api/v1/n%2Ft", ""), "/api/statuses/404", "/api/v1/n%2Ft")
	checkPlace(t, record(t, f.gateway, "GET", "/api/", ""), "/api/statuses/404", "/api/")
}

// checkPlace checks the type and the instance of a problem.
func checkPlace(t *testing.T, got *httptest.ResponseRecorder, typeURI, instance string) {
	t.Helper()
	var problem struct {
		Type     string `json:"type"`
		Instance string `json:"instance"`
	}
	if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil || problem.Type != typeURI || problem.Instance != instance {
		t.Errorf("%d: %s, want the type %s of %s", got.Code, got.Body, typeURI, instance)
	}
}

// A response that is sent in place of one of net/http has the same types.
func TestPrefixOfRefusals(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{"": "/statuses/418", publicURL + "/api": publicURL + "/api/statuses/418"} {
		c, f := configure(t, policy.Documented)
		withPages(&c)
		c.PublicURL = public
		serve(t, c, f)
		if got := problemOf(t, exchangeOnce(t, f, "GET", get("/", "Expect: teapot"))); got["type"] != want {
			t.Errorf("%q: %v, want %s", public, got, want)
		}
	}
}

// The document names the public URL, with its path, or its own place.
func TestPrefixOfDocument(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	for public, want := range map[string]string{
		"": "./", publicURL: publicURL, publicURL + "/": publicURL, publicURL + "/api": publicURL + "/api", publicURL + "/api/": publicURL + "/api",
	} {
		document, err := openapi.New(f.served, openapi.Params{Table: c.Policy, PublicURL: public})
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Servers []struct {
				URL string `json:"url"`
			} `json:"servers"`
		}
		if err := json.Unmarshal(document.JSON(), &read); err != nil || len(read.Servers) != 1 || read.Servers[0].URL != want {
			t.Errorf("%q: %v, %v; want %s", public, read.Servers, err, want)
		}
	}
}

// The examples of the document have the problem types that the gateway sends.
func TestProblemTypesOfDocument(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"", publicURL, publicURL + "/api/"} {
		for _, elsewhere := range []string{"", "https://pages.example.com/of/"} {
			for _, hasPages := range []bool{false, true} {
				c, f := configure(t, policy.Documented)
				if hasPages {
					withPages(&c)
				}
				c.PublicURL, c.PagesURL = public, elsewhere
				build(t, c, f)
				document, err := openapi.New(f.served, openapi.Params{
					Table: c.Policy, PublicURL: public, PagesURL: elsewhere, Pages: slices.Collect(maps.Keys(c.Pages)),
				})
				if err != nil {
					t.Fatal(err)
				}
				var read struct {
					Components struct {
						Examples map[string]struct {
							Value struct {
								Type string `json:"type"`
							} `json:"value"`
						} `json:"examples"`
					} `json:"components"`
				}
				if err := json.Unmarshal(document.JSON(), &read); err != nil {
					t.Fatal(err)
				}
				var sent struct {
					Type string `json:"type"`
				}
				if err := json.Unmarshal(record(t, f.gateway, "GET", "/v1/nothing", "").Body.Bytes(), &sent); err != nil {
					t.Fatal(err)
				}
				if got := read.Components.Examples["route-not-found"].Value.Type; got != sent.Type || got == "" {
					t.Errorf("public %q, pages %q, has pages %t: the document has %q, the response %q", public, elsewhere, hasPages, got, sent.Type)
				}
			}
		}
	}
}
