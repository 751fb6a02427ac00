package route_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/route"
)

func parse(tb testing.TB, text string) *route.Template {
	tb.Helper()
	tmpl, err := route.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return tmpl
}

func add[T any](tb testing.TB, index *route.Index[T], method, text string, value T) {
	tb.Helper()
	if err := index.Add(method, parse(tb, text), value); err != nil {
		tb.Fatal(err)
	}
}

// binding is one route of a test.
type binding struct{ method, template string }

// indexOf makes an index whose values are the templates' own texts.
func indexOf(tb testing.TB, bindings []binding) *route.Index[string] {
	tb.Helper()
	var index route.Index[string]
	for _, b := range bindings {
		add(tb, &index, b.method, b.template, b.template)
	}
	return &index
}

// library has at least two templates for nearly every path. It is in no order.
func library() []binding {
	return []binding{
		{"GET", "/v1/entities/{id}"},
		{"GET", "/v1/entities"},
		{"POST", "/v1/entities:import"},
		{"GET", "/v1/entities:export"},
		{"GET", "/v1/entities/mine"},
		{"DELETE", "/v1/entities/special"},
		{"GET", "/v1/entities/{id}:check"},
		{"POST", "/v1/entities/{id}:check"},
		{"POST", "/v1/{name=operations/*}:cancel"},
		{"GET", "/v1/{name=operations/*}"},
		{"GET", "/v1/{kind}/{id}/parts"},
		{"GET", "/v1/entities/{id}/{part}"},
		{"GET", "/v1/files/{path=**}"},
		{"GET", "/v1/files/{path=**}:stat"},
		{"GET", "/v1/files/a/b"},
		{"GET", "/v1/{a=x/**}"},
		{"GET", "/v2/a:b/{id}"},
		{"GET", "/v2/{id}:b"},
		{"GET", "/v2/{id}:a:b"},
		{"GET", "/v2/{id}"},
		{"PUT", "/v2/**"},
		{"GET", "/v3/*/x"},
		{"GET", "/v3/caf%C3%A9/{id}"},
		{"GET", "/v3/{name=a%20b/*}"},
		{"GET", "/v3/{name=a%2Db/c/*}"},
		{"GET", "/"},
	}
}

func TestAddClash(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first, second string
		clash         bool
	}{
		"the same":                       {"/v1/x", "/v1/x", true},
		"root":                           {"/", "/", true},
		"other names":                    {"/v1/{a}/{b}", "/v1/{c}/{d}", true},
		"other variables":                {"/v1/{a=x/*}", "/v1/x/{b}", true},
		"variable and wildcard":          {"/v1/{a}", "/v1/*", true},
		"rest and variable":              {"/v1/**", "/{a=v1/**}", true},
		"the same verb":                  {"/v1/{a}:x", "/v1/*:x", true},
		"a literal in another spelling":  {"/v1/a-b", "/v1/a%2Db", true},
		"a verb in another spelling":     {"/v1/x:a-b", "/v1/x:a%2Db", true},
		"another verb":                   {"/v1/{a}:x", "/v1/{a}:y", false},
		"verb and none":                  {"/v1/{a}:x", "/v1/{a}", false},
		"verb in another case":           {"/v1/{a}:x", "/v1/{a}:X", false},
		"literal and wildcard":           {"/v1/x", "/v1/*", false},
		"wildcard and rest":              {"/v1/*", "/v1/**", false},
		"one more":                       {"/v1/*", "/v1/*/*", false},
		"literal with colon, and a verb": {"/v1/{a=x:y}", "/v1/x:y", false},
		"escaped slash and slash":        {"/v1/a%2Fb", "/v1/a/b", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			index := indexOf(t, []binding{{"GET", test.first}})
			second := parse(t, test.second)
			if err := index.Add("POST", second, ""); err != nil {
				t.Errorf("another method: %v", err)
			}
			err := index.Add("GET", second, "")
			var clash *route.ClashError
			if errors.As(err, &clash) != test.clash {
				t.Fatalf("Add = %v, want a clash: %v", err, test.clash)
			}
			if test.clash && (clash.First.String() != test.first || clash.Second != second) {
				t.Errorf("got %#v", clash)
			}
			if want := fmt.Sprintf("GET %s matches exactly the paths of %s", test.second, test.first); test.clash && err.Error() != want {
				t.Errorf("message %q, want %q", err, want)
			}
		})
	}
}

func TestEmptyIndex(t *testing.T) {
	t.Parallel()
	var index route.Index[int]
	if _, outcome, err := index.Lookup("GET", "/"); outcome != route.NotFound || err != nil {
		t.Errorf("Lookup = %v, %v; want NotFound", outcome, err)
	}
	if allow := index.Allow("/"); allow != nil {
		t.Errorf("Allow = %v, want nil", allow)
	}
}

func TestZeroTemplate(t *testing.T) {
	t.Parallel()
	var zero route.Template
	path, err := zero.Expand(from(nil))
	if zero.String() != "/" || path != "/" || err != nil || len(zero.Fields()) != 0 {
		t.Errorf("String() = %q, Expand = %q, %v, Fields() = %v", zero.String(), path, err, zero.Fields())
	}
}

// With the race detector, this checks that lookups share nothing.
func TestLookupsAtTheSameTime(t *testing.T) {
	t.Parallel()
	index := resources(t, 100)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			path := fmt.Sprintf("/v1/resource%d/a%%20b", i)
			got, outcome, err := index.Lookup("GET", path)
			if outcome != route.Found || err != nil || !cmp.Equal(got.Params, []route.Param{{Field: "id", Value: "a b"}}) {
				t.Errorf("%s: %v, %v, %v", path, got, outcome, err)
			}
			index.Allow(path)
		})
	}
	wait.Wait()
}

// No t.Parallel: testing.AllocsPerRun counts the allocations of the whole process.
//
//nolint:paralleltest // see above
func TestLookupAllocations(t *testing.T) {
	for _, n := range sizes() {
		index := resources(t, n)
		for name, test := range map[string]struct {
			path string
			want float64
		}{
			"no variable":   {"/v1/resource1", 0},
			"one variable":  {"/v1/resource1/a", 1},
			"verb":          {"/v1/resource1/a:check", 1},
			"unknown verb":  {"/v1/resource1/a:b:c", 1},
			"two variables": {"/v1/resource1/a/parts/b", 1},
			"rest":          {"/v1/resource1/a/files/b/c/d", 1},
			"not found":     {"/v1/resource1/a/nothing", 0},
			"empty segment": {"/v1//a", 0},
			"dot segments":  {"/v1/resource1/../%2e%2e", 0},
		} {
			got := testing.AllocsPerRun(100, func() {
				if _, _, err := index.Lookup("GET", test.path); err != nil {
					t.Error(err)
				}
			})
			if got != test.want {
				t.Errorf("%d templates, %s: %v allocations, want %v", n, name, got, test.want)
			}
		}
	}
}
