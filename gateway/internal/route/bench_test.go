package route_test

import (
	"fmt"
	"testing"

	"github.com/statusway/statusway/gateway/internal/route"
)

// sizes are numbers of templates in an index. The cost of a lookup must not depend on
// them.
func sizes() []int { return []int{10, 100, 1000} }

// shapes are the templates of one resource, which is %s.
func shapes() []string {
	return []string{"/v1/%s", "/v1/%s/{id}", "/v1/%s/{id}:check", "/v1/%s/{id}/parts/{part}", "/v1/{name=%s/*/files/**}"}
}

// resources returns an index of n templates, all for GET so that they share one trie.
func resources(tb testing.TB, n int) *route.Index[int] {
	tb.Helper()
	shapes := shapes()
	var index route.Index[int]
	for i := range n {
		text := fmt.Sprintf(shapes[i%len(shapes)], fmt.Sprintf("resource%d", i/len(shapes)))
		add(tb, &index, "GET", text, i)
	}
	return &index
}

func benchmarkLookup(b *testing.B, method, path string, want route.Outcome) {
	b.Helper()
	for _, n := range sizes() {
		index := resources(b, n)
		b.Run(fmt.Sprintf("templates=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, got, err := index.Lookup(method, path); got != want || err != nil {
					b.Fatal(got, err)
				}
			}
		})
	}
}

func BenchmarkLookupStatic(b *testing.B) { benchmarkLookup(b, "GET", "/v1/resource1", route.Found) }

func BenchmarkLookupVariable(b *testing.B) {
	benchmarkLookup(b, "GET", "/v1/resource1/0198c2f4-7d1e", route.Found)
}

func BenchmarkLookupVerb(b *testing.B) {
	benchmarkLookup(b, "GET", "/v1/resource1/0198c2f4-7d1e:check", route.Found)
}

func BenchmarkLookupTwoVariables(b *testing.B) {
	benchmarkLookup(b, "GET", "/v1/resource1/0198c2f4-7d1e/parts/7", route.Found)
}

func BenchmarkLookupRest(b *testing.B) {
	benchmarkLookup(b, "GET", "/v1/resource1/0198c2f4-7d1e/files/a/b/c", route.Found)
}

func BenchmarkLookupEscaped(b *testing.B) {
	benchmarkLookup(b, "GET", "/v1/resource1/a%20b", route.Found)
}

func BenchmarkLookupNotFound(b *testing.B) {
	benchmarkLookup(b, "GET", "/v1/resource1/0198c2f4-7d1e/nothing", route.NotFound)
}

func BenchmarkLookupMethodNotAllowed(b *testing.B) {
	benchmarkLookup(b, "POST", "/v1/resource1/0198c2f4-7d1e", route.MethodNotAllowed)
}

// BenchmarkLookupSpread asks for another resource each time, so that the caches of
// the machine count too.
func BenchmarkLookupSpread(b *testing.B) {
	for _, n := range sizes() {
		index := resources(b, n)
		paths := make([]string, 0, n)
		for i := range n / len(shapes()) {
			paths = append(paths, fmt.Sprintf("/v1/resource%d/0198c2f4-7d1e", i))
		}
		b.Run(fmt.Sprintf("templates=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			next := 0
			for b.Loop() {
				if _, got, err := index.Lookup("GET", paths[next]); got != route.Found || err != nil {
					b.Fatal(got, err)
				}
				next = (next + 1) % len(paths)
			}
		})
	}
}
