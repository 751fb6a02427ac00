package route_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/route"
)

// TestAgreesWithServeMux asks both routers for every path that can be made of some
// awkward segments, and wants every documented difference to show, and no other.
func TestAgreesWithServeMux(t *testing.T) {
	t.Parallel()
	bindings := inOrder(slices.DeleteFunc(library(), func(b binding) bool {
		return strings.Contains(b.template, "%") // see TestEscapedTemplates
	}))
	index, mux := indexOf(t, bindings), newServeMux(t, bindings)
	segments := []string{
		"v1", "v2", "v3", "entities", "mine", "special", "operations", "files", "parts", "x", "a", "b", "*", "**", "{id}",
		"entities:import", "entities:export", "a:check", "a:b", "x:a:b", ":b", "a:", "a:stat", "7:cancel", "a:check:check",
		"m%69ne", "a%3Acheck", "a:ch%65ck", "a%2Fb", "operations%2Fa", "x%2fa%2Fb", "%252F", "a%20+b", "%C3%A9", "%3f%23%5B", "%7E~",
		"", ".", "..", "%2e", ".%2E", "...", "..:check", "%00", "%FF", "a%0Ab",
	}
	seen := make(map[string]int)
	for _, prefix := range []string{"", "/v1", "/v1/entities", "/v1/files", "/v1/x", "/v2", "/v3", "/%761/%65ntities"} {
		for _, path := range paths(segments, 2) {
			seen[assertAgreement(t, index, mux, "GET", prefix+path)]++
			assertRespelled(t, index, mux, "GET", prefix+path)
		}
		for _, path := range paths(segments, 1) {
			for _, method := range []string{"POST", "PUT", "DELETE", "BREW"} {
				seen[assertAgreement(t, index, mux, method, prefix+path)]++
			}
		}
	}
	names := []string{"", "an escaped literal is that literal", "an escaped slash separates where nothing else matches"}
	for _, d := range differences() {
		if d.name == "the root has no segment for a wildcard" {
			continue // the library has "/" itself; see TestRootAgainstServeMux
		}
		names = append(names, d.name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("differences seen (-want +got):\n%s", diff)
	}
	t.Log(seen)
}

// At "/" ServeMux sees one empty segment, and this package none.
func TestRootAgainstServeMux(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		templates []string
		ours      answer
		agree     bool
	}{
		"root":              {[]string{"/"}, answer{200, "/", map[string]string{}}, true},
		"rest":              {[]string{"/{a=**}"}, answer{200, "/{a=**}", map[string]string{"a": ""}}, true},
		"rest and root":     {[]string{"/{a=**}", "/"}, answer{200, "/", map[string]string{}}, true},
		"wildcard":          {[]string{"/{a}"}, answer{Status: 404}, false},
		"rest and wildcard": {[]string{"/{a=**}", "/{a}"}, answer{200, "/{a=**}", map[string]string{"a": ""}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bindings := make([]binding, 0, len(test.templates))
			for _, text := range test.templates {
				bindings = append(bindings, binding{"GET", text})
			}
			index, mux := indexOf(t, bindings), newServeMux(t, bindings)
			if diff := cmp.Diff(test.ours, lookup(t, index, "GET", "/")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := assertAgreement(t, index, mux, "GET", "/"); (got == "") != test.agree {
				t.Errorf("difference %q, want agreement: %v", got, test.agree)
			}
		})
	}
}

// Escapes in the template itself: ServeMux wants the path to repeat them as they are
// written, and then both agree.
func TestEscapedTemplates(t *testing.T) {
	t.Parallel()
	bindings := []binding{
		{"GET", "/v3/{name=a%20b/*}"},
		{"GET", "/v3/caf%C3%A9/{id}"},
		{"GET", "/v3/a%2Db/{id}"},
		{"GET", "/v3/a@b/{id}"},
		{"GET", "/v3/{id}:a%3Ab"},
	}
	index, mux := indexOf(t, bindings), newServeMux(t, bindings)
	for name, test := range map[string]struct {
		path   string
		theirs bool // ServeMux finds it in this spelling
	}{
		"as written, in a variable":    {"/v3/a%20b/x", true},
		"as written":                   {"/v3/caf%C3%A9/x", true},
		"as written, unreserved":       {"/v3/a%2Db/x", true},
		"as written, reserved":         {"/v3/a@b/x", true},
		"as written, verb":             {"/v3/x:a%3Ab", true},
		"in another case":              {"/v3/caf%c3%a9/x", false},
		"without the escape":           {"/v3/a-b/x", false},
		"with an escape":               {"/v3/a%40b/x", false},
		"verb without the escape":      {"/v3/x:a:b", false},
		"verb escaped in another case": {"/v3/x:a%3ab", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := lookup(t, index, "GET", test.path), mux.ask("GET", test.path)
			if ours.Status != http.StatusOK {
				t.Fatalf("not found: %v", ours)
			}
			if cmp.Equal(ours, theirs) != test.theirs {
				t.Errorf("(-grpc-gateway +route)\n%s", cmp.Diff(theirs, ours))
			}
			assertRespelled(t, index, mux, "GET", test.path)
		})
	}
}

// simple is a template whose literals have no reserved characters: only for those
// does the normal form of a path have one spelling.
var simple = regexp.MustCompile(`^(/([\w.~-]+|\*\*?|\{[\w.]+(=[\w.~*-]+(/[\w.~*-]+)*)?\}))+(:[\w.~-]+)?$`)

// FuzzAgainstServeMux takes a set of templates, one to a line, and a path.
func FuzzAgainstServeMux(f *testing.F) {
	texts := make([]string, 0, len(library()))
	for _, b := range library() {
		texts = append(texts, b.template)
	}
	all := strings.Join(texts, "\n")
	for _, path := range []string{"/v1/entities/a:check", "/v1/files/a%2Fb/c:stat", "/v1/%65ntities/..", "/v1/x/%00", "/v2//a"} {
		f.Add(all, "GET", path)
	}
	f.Add("/a/{b}\n/{a=b/**}:c\n/**", "POST", "/b/b:c")
	f.Add("/*/a\n/{b=b/*}\n/b/**", "GET", "/b/a")
	f.Fuzz(func(t *testing.T, templates, method, path string) {
		if strings.HasPrefix(path, "/") {
			assertAgreementOf(t, strings.Split(templates, "\n"), method, path)
		}
	})
}

// TestRandomTemplates tries sets of templates that overlap far more than anyone's do.
func TestRandomTemplates(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same cases each time
	for range 2000 {
		templates := make([]string, 0, 12)
		for range cap(templates) {
			segments := pick(random, 3, "/a", "/b", "/*", "/**", "/{x}", "/{y=a/*}", "/{z=b/**}")
			templates = append(templates, segments+pick(random, 1, "", "", ":c", ":d"))
		}
		path := pick(random, 4, "/a", "/b", "/a", "/b", "/%61", "/c", "/a:c", "/a%2Fb:c", "/%2f", "/%2e", "/", "/%FF", "/:c")
		assertAgreementOf(t, templates, "GET", path+pick(random, 1, "", "", ":c", ":d", ":%63", ":c:d"))
	}
}

// assertAgreementOf makes both routers of the templates, as far as they are valid,
// simple and do not clash: the first for GET, the next for POST, and so on.
func assertAgreementOf(t *testing.T, templates []string, method, path string) {
	t.Helper()
	var index route.Index[string]
	bindings := make([]binding, 0, len(templates))
	for i, text := range templates {
		b := binding{[]string{"GET", "POST"}[i%2], text}
		tmpl, err := route.Parse(text)
		if err == nil && simple.MatchString(text) && index.Add(b.method, tmpl, text) == nil {
			bindings = append(bindings, b)
		}
	}
	mux := newServeMux(t, inOrder(bindings))
	assertAgreement(t, &index, mux, method, path)
	assertRespelled(t, &index, mux, method, path)
	assertAllow(t, &index, path)
}

// pick joins one to n of the choices.
func pick(random *rand.Rand, n int, choices ...string) string {
	picked := make([]string, 0, n)
	for range 1 + random.IntN(n) {
		picked = append(picked, choices[random.IntN(len(choices))])
	}
	return strings.Join(picked, "")
}

// assertAllow: a method is in Allow if and only if asking for it finds a template.
func assertAllow(t *testing.T, index *route.Index[string], path string) {
	t.Helper()
	var want []string
	for _, method := range []string{"GET", "POST"} {
		_, outcome, err := index.Lookup(method, path)
		var bad *route.PathError
		if outcome == route.Found || errors.As(err, &bad) && bad.Field != "" {
			want = append(want, method)
		}
	}
	if diff := cmp.Diff(want, index.Allow(path)); diff != "" {
		t.Errorf("%s: Allow (-want +got):\n%s", path, diff)
	}
}
