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

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const publicURL = "https://api.example.com"

// A site is the pages of a policy.
type site struct {
	pages     map[string]exchange.Handler
	responder *respond.Responder
	mapping   *mappingsvc.Service
}

// parts are what pages are made of.
func parts(t *testing.T, table *mapping.Table) (*respond.Responder, *mappingsvc.Service) {
	t.Helper()
	responder, err := respond.New(respond.Params{Table: table, PublicURL: publicURL, Realm: "statusway", Gzip: false, SendTimeout: 0, ResponseMemory: 0})
	if err != nil {
		t.Fatal(err)
	}
	service, err := mappingsvc.New(responder, "test")
	if err != nil {
		t.Fatal(err)
	}
	return responder, service
}

func newSite(t *testing.T, table *mapping.Table, has tour.Needs) site {
	t.Helper()
	responder, service := parts(t, table)
	made, err := catalogue.New(t.Context(), catalogue.Params{Responder: responder, Mapping: service, Has: has})
	if err != nil {
		t.Fatal(err)
	}
	return site{pages: made.Pages(), responder: responder, mapping: service}
}

func builtin(t *testing.T, name string) *mapping.Table {
	t.Helper()
	table, err := mapping.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// edited is the documented policy with other words.
func edited(t *testing.T, pairs ...string) *mapping.Table {
	t.Helper()
	text, err := os.ReadFile("../../../gateway/mapping/documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	table, err := mapping.Load("edited.yaml", []byte(strings.NewReplacer(pairs...).Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// ask asks for a page as the gateway does.
func (s site) ask(t *testing.T, method, target string, fields map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for name, value := range fields {
		request.Header.Set(name, value)
	}
	page, ok := s.pages[request.URL.Path]
	if !ok {
		t.Fatalf("there is no page %s", target)
	}
	recorder := httptest.NewRecorder()
	request, _ = exchange.Begin(recorder, request)
	if err := page(recorder, request); err != nil {
		s.responder.Error(recorder, request, err)
	}
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
