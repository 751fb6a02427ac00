package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// pathsOf are those of the routes of one method, in the order of their templates.
func pathsOf(tb testing.TB, templates ...string) []*contract.Binding {
	tb.Helper()
	var more strings.Builder
	for i, template := range templates[1:] {
		// Each has an HTTP method of its own, so that no two of them clash.
		fmt.Fprintf(&more, ` additional_bindings { custom { kind: "M%d" path: %q } }`, i, template)
	}
	return mustRead(tb, method(fmt.Sprintf("get: %q", templates[0])+more.String(), "")).Methods[0].Bindings
}

func TestPaths(t *testing.T) {
	t.Parallel()
	type wildcard struct {
		Name, Field, Pattern string
		Open                 bool
	}
	type all = []wildcard
	for name, test := range map[string]struct {
		template, path string
		wildcards      all
	}{
		"the root":              {"/", "/", nil},
		"literals":              {"/v1/entities", "/v1/entities", nil},
		"a verb":                {"/v1/entities:import", "/v1/entities:import", nil},
		"a field":               {"/v1/entities/{id}", "/v1/entities/{id}", all{{Name: "id", Field: "id"}}},
		"a field of a field":    {"/v1/entities/{inner.id}", "/v1/entities/{inner.id}", all{{Name: "inner.id", Field: "inner.id"}}},
		"a name in JSON":        {"/v1/{inner.u_big}", "/v1/{inner.uBig}", all{{Name: "inner.uBig", Field: "inner.u_big"}}},
		"a star that is stated": {"/v1/{id=*}:run", "/v1/{id}:run", all{{Name: "id", Field: "id"}}},
		"a part of a name": {
			"/v1/{id=operations/*}:cancel", "/v1/operations/{operationsId}:cancel",
			all{{Name: "operationsId", Field: "id", Pattern: "operations/*"}},
		},
		"two parts of a name": {
			"/v1/{id=shelves/*/books/*}", "/v1/shelves/{shelvesId}/books/{booksId}",
			all{{Name: "shelvesId", Field: "id", Pattern: "shelves/*/books/*"}, {Name: "booksId", Field: "id", Pattern: "shelves/*/books/*"}},
		},
		"all that is left":        {"/v1/{id=**}", "/v1/{id}", all{{Name: "id", Field: "id", Open: true}}},
		"all that is left, below": {"/v1/{id=files/**}", "/v1/files/{filesId}", all{{Name: "filesId", Field: "id", Pattern: "files/**", Open: true}}},
		"the same names": {
			"/v1/{id=a/*/*/a/*}", "/v1/a/{aId}/{id}/a/{aId2}",
			all{{Name: "aId", Field: "id", Pattern: "a/*/*/a/*"}, {Name: "id", Field: "id", Pattern: "a/*/*/a/*"}, {Name: "aId2", Field: "id", Pattern: "a/*/*/a/*"}},
		},
		"no field":            {"/v1/*/x/**", "/v1/{segment}/x/{segment2}", all{{Name: "segment"}, {Name: "segment2", Open: true}}},
		"two fields":          {"/v1/{left}/{right}/c", "/v1/{left}/{right}/c", all{{Name: "left", Field: "left"}, {Name: "right", Field: "right"}}},
		"a field of literals": {"/v1/{left=fixed}/{id}", "/v1/fixed/{id}", all{{Name: "id", Field: "id"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := pathsOf(t, test.template)[0]
			var wildcards all
			for _, w := range got.Wildcards {
				wildcards = append(wildcards, wildcard{w.Name, w.Field.String(), w.Pattern, w.Open})
			}
			if got.Path != test.path {
				t.Errorf("%s is %s, want %s", test.template, got.Path, test.path)
			}
			if diff := cmp.Diff(test.wildcards, wildcards); diff != "" {
				t.Errorf("%s: want (-) and got (+):\n%s", test.template, diff)
			}
		})
	}
}

// A path has one name, that of its first route, whatever fields its routes have.
func TestPathsAgree(t *testing.T) {
	t.Parallel()
	type texts = []string
	for name, test := range map[string]struct{ templates, want texts }{
		"one field within a message":   {texts{"/v1/{id}", "/v1/{inner.id}"}, texts{"/v1/{id}", "/v1/{id}"}},
		"in the other order":           {texts{"/v1/{inner.id}", "/v1/{id}"}, texts{"/v1/{inner.id}", "/v1/{inner.id}"}},
		"a name and a part of one":     {texts{"/v1/{id=a/*}:b", "/v1/a/{left}:b"}, texts{"/v1/a/{aId}:b", "/v1/a/{aId}:b"}},
		"fields that change places":    {texts{"/{left}/{right}", "/{right}/{left}"}, texts{"/{left}/{right}", "/{left}/{right}"}},
		"a star and two of them":       {texts{"/v1/{id}", "/v1/{left=**}"}, texts{"/v1/{id}", "/v1/{id}"}},
		"three, with another between":  {texts{"/a/{id}", "/b/{left}", "/a/{right}", "/a/*"}, texts{"/a/{id}", "/b/{left}", "/a/{id}", "/a/{id}"}},
		"another verb is another path": {texts{"/v1/{id}", "/v1/{left}:b"}, texts{"/v1/{id}", "/v1/{left}:b"}},
		"as is a longer one":           {texts{"/v1/{id}", "/v1/{left}/b"}, texts{"/v1/{id}", "/v1/{left}/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got texts
			for i, binding := range pathsOf(t, test.templates...) {
				got = append(got, binding.Path)
				if text := binding.Template.String(); text != test.templates[i] {
					t.Errorf("%s has become %s", test.templates[i], text)
				}
				for j, w := range binding.Wildcards {
					if !strings.Contains(binding.Path, "{"+w.Name+"}") || w.Field != nil && w.Field.String() != binding.Variables[j].String() {
						t.Errorf("%s: the wildcard %+v of the path %s", test.templates[i], w, binding.Path)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}

// The routes of a path agree across methods, services and files.
func TestPathsAgreeInAContract(t *testing.T) {
	t.Parallel()
	service := func(name, http string) string {
		return fmt.Sprintf(`service { name: %q method { name: "Do" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { %s } } } }`, name, http)
	}
	declared := mustRead(t, service("A", `get: "/x/{id}"`)+service("B", `patch: "/x/{inner.id}" additional_bindings { delete: "/x/{left}" }`))
	for _, method := range declared.Methods {
		for _, binding := range method.Bindings {
			if binding.Path != "/x/{id}" {
				t.Errorf("%s is %s", binding.Template, binding.Path)
			}
		}
	}
}
