package catalogue_test

import (
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const publicURL = "https://api.example.com"

// A site is the pages of a policy, and the gateway that serves them.
type site struct {
	pages   map[string]http.Handler
	gateway *gateway.Gateway
	mapper  *gateway.Mapper
	mapping *mappingsvc.Service
}

// parts are what pages are made of, and the configuration of a gateway that has them.
func parts(t *testing.T, table *policy.Table) (catalogue.Params, gateway.Config) {
	t.Helper()
	config := gateway.Config{Policy: table, PublicURL: publicURL, Realm: "statusway", Pages: map[string]gateway.Page{}}
	for _, path := range catalogue.Problems(table) {
		config.Pages[path] = gateway.Page{}
	}
	mapper, err := gateway.NewMapper(nil, config)
	if err != nil {
		t.Fatal(err)
	}
	service, err := mappingsvc.New(mapper, "test")
	if err != nil {
		t.Fatal(err)
	}
	return catalogue.Params{Mapper: mapper, Mapping: service}, config
}

func newSite(t *testing.T, table *policy.Table, has tour.Needs) site {
	t.Helper()
	p, config := parts(t, table)
	p.Has = has
	made, err := catalogue.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for path, page := range made.Pages() {
		config.Pages[path] = gateway.Page{Handler: page}
	}
	serves, err := gateway.New(nil, config)
	if err != nil {
		t.Fatal(err)
	}
	return site{pages: made.Pages(), gateway: serves, mapper: p.Mapper, mapping: p.Mapping}
}

func builtin(t *testing.T, name string) *policy.Table {
	t.Helper()
	table, err := policy.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// edited is the documented policy with other words.
func edited(t *testing.T, pairs ...string) *policy.Table {
	t.Helper()
	text, err := os.ReadFile("../../../gateway/policy/documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	table, err := policy.Load("edited.yaml", []byte(strings.NewReplacer(pairs...).Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// ask sends a request for a page through the gateway.
func (s site) ask(t *testing.T, method, target string, fields map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for name, value := range fields {
		request.Header.Set(name, value)
	}
	if s.pages[request.URL.Path] == nil {
		t.Fatalf("there is no page %s", target)
	}
	recorder := httptest.NewRecorder()
	s.gateway.ServeHTTP(recorder, request)
	return recorder
}

// browse asks as a browser does.
func (s site) browse(t *testing.T, target string) *httptest.ResponseRecorder {
	t.Helper()
	const browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	return s.ask(t, http.MethodGet, target, map[string]string{"Accept": browsers})
}

// htmlPages are the paths of the pages for people.
func (s site) htmlPages(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.pages)), func(path string) bool {
		return strings.HasPrefix(path, "/catalogue/")
	})
}

// A document is a page that was parsed.
type document struct{ *html.Node }

func parse(t *testing.T, text string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document{root}
}

// all are the elements of these names, in their order; every element if there are none.
func (d document) all(names ...string) iter.Seq[document] {
	return func(yield func(document) bool) {
		for node := range d.Descendants() {
			if node.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, node.Data)) && !yield(document{node}) {
				return
			}
		}
	}
}

// attribute is "" where there is none.
func (d document) attribute(name string) string {
	for _, one := range d.Attr {
		if one.Key == name {
			return one.Val
		}
	}
	return ""
}

func (d document) has(name string) bool {
	return slices.ContainsFunc(d.Attr, func(one html.Attribute) bool { return one.Key == name })
}

// text is what stands in an element.
func (d document) text() string {
	var out strings.Builder
	for node := range d.Descendants() {
		if node.Type == html.TextNode {
			out.WriteString(node.Data)
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// byID is the element with an id.
func (d document) byID(id string) (document, bool) {
	for one := range d.all() {
		if one.attribute("id") == id {
			return one, true
		}
	}
	return document{}, false
}
