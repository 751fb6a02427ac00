package route_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/statusway/statusway/gateway/internal/route"
)

// answer is a router's result for a request. Template and Params are set only with 200.
type answer struct {
	Status   int
	Template string
	Params   map[string]string
}

// serveMux is grpc-gateway's own router, set up as the gateway sets it up.
type serveMux struct{ *runtime.ServeMux }

// newServeMux registers the bindings in their order: the last that matches wins.
func newServeMux(tb testing.TB, bindings []binding) serveMux {
	tb.Helper()
	mux := runtime.NewServeMux(
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithStrictDeepWildcardMatching(),
	)
	for _, b := range bindings {
		err := mux.HandlePath(b.method, b.template, func(w http.ResponseWriter, _ *http.Request, params map[string]string) {
			sink, ok := w.(*sink)
			if !ok {
				tb.Errorf("an unknown writer: %T", w)
				return
			}
			sink.answer = answer{Status: http.StatusOK, Template: b.template, Params: params}
		})
		if err != nil {
			tb.Fatalf("%s: %v", b.template, err)
		}
	}
	return serveMux{mux}
}

// ask sends a path in its escaped spelling, with RawPath set as the gateway sets it.
func (m serveMux) ask(method, path string) answer {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return answer{Status: http.StatusBadRequest} // net/http refuses it before any handler
	}
	var sink sink
	m.ServeHTTP(&sink, &http.Request{Method: method, URL: &url.URL{Path: decoded, RawPath: path}, Header: http.Header{}})
	if sink.Status == http.StatusNotImplemented {
		sink.Status = http.StatusMethodNotAllowed // as ServeMux spells it
	}
	return sink.answer
}

// sink is a ResponseWriter that keeps the status only.
type sink struct {
	answer

	header http.Header
}

func (s *sink) Header() http.Header {
	if s.header == nil {
		s.header = make(http.Header)
	}
	return s.header
}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.Status = status }

// lookup returns the result of this package.
func lookup(tb testing.TB, index *route.Index[string], method, path string) answer {
	tb.Helper()
	result, outcome, err := index.Lookup(method, path)
	if err != nil {
		var bad *route.PathError
		if !errors.As(err, &bad) || outcome != route.NotFound {
			tb.Errorf("%s %s: a bad error: %v, %#v", method, path, outcome, err)
		}
		return answer{Status: http.StatusBadRequest}
	}
	switch outcome {
	case route.Found:
		params := make(map[string]string)
		for _, p := range result.Params {
			params[p.Field] = p.Value
		}
		return answer{Status: http.StatusOK, Template: result.Template.String(), Params: params}
	case route.MethodNotAllowed:
		return answer{Status: http.StatusMethodNotAllowed}
	case route.NotFound:
	}
	return answer{Status: http.StatusNotFound}
}

var (
	emptySegment  = regexp.MustCompile(`//|./$`)
	oneWildcard   = regexp.MustCompile(`^/(\*|\{[^=]*(=\*)?\})$`)
	dotSegment    = regexp.MustCompile(`(?i)/(\.|%2e){1,2}(/|$)`)
	dotBeforeVerb = regexp.MustCompile(`(?i)/(\.|%2e){1,2}:[^/]*$`)
	escapedSlash  = regexp.MustCompile(`%2[Ff]`)
	escape        = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	unreserved    = regexp.MustCompile(`^[A-Za-z0-9._~-]$`)
	bareVariable  = regexp.MustCompile(`\{[^=}]*\}`)
	variable      = regexp.MustCompile(`\{[^=]*=([^}]*)\}`)
)

// normalise decodes the escapes that need not be: those of unreserved characters
// (RFC 3986 §6.2.2.2). The URI stays the same one.
func normalise(path string) string {
	return escape.ReplaceAllStringFunc(path, func(s string) string {
		c, err := url.PathUnescape(s)
		if err != nil || !unreserved.MatchString(c) {
			return s
		}
		return c
	})
}

// difference is a case in which this package differs from grpc-gateway on purpose. There
// are no others.
type difference struct {
	name    string
	applies func(path string, ours, theirs answer) bool
}

func differences() []difference {
	return []difference{
		{"an empty segment is not found", func(path string, ours, _ answer) bool {
			return ours.Status == http.StatusNotFound && emptySegment.MatchString(path)
		}},
		{"the root has no segment for a wildcard", func(path string, _, theirs answer) bool {
			return path == "/" && (theirs.Status == http.StatusMethodNotAllowed || oneWildcard.MatchString(theirs.Template))
		}},
		{"a dot segment is not found", func(path string, ours, _ answer) bool {
			return ours.Status == http.StatusNotFound && dotSegment.MatchString(path)
		}},
		{"a dot segment before a verb is not found", func(path string, ours, theirs answer) bool {
			found := theirs.Status == http.StatusMethodNotAllowed || strings.Contains(theirs.Template, ":")
			return dotBeforeVerb.MatchString(path) && ours.Status != http.StatusOK && found
		}},
		{"an escaped slash in a variable of several segments stays escaped", func(_ string, ours, theirs answer) bool {
			for field, value := range ours.Params {
				ours.Params[field] = escapedSlash.ReplaceAllString(value, "/")
			}
			for field, value := range theirs.Params {
				theirs.Params[field] = escapedSlash.ReplaceAllString(value, "/")
			}
			return cmp.Equal(ours, theirs)
		}},
		{"a value with control bytes or invalid UTF-8 is an error", func(_ string, ours, theirs answer) bool {
			bad := slices.ContainsFunc(slices.Collect(maps.Values(theirs.Params)), isBad)
			return ours.Status == http.StatusBadRequest && theirs.Status == http.StatusOK && bad
		}},
	}
}

func isBad(value string) bool {
	return !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// assertAgreement asks both routers. If they disagree, it returns the name of the
// difference that explains it, else "".
//
// All differences are refusals except escaped literals. For those, it checks that
// grpc-gateway agrees about the same URI in its normal form.
func assertAgreement(tb testing.TB, index *route.Index[string], mux serveMux, method, path string) string {
	tb.Helper()
	path = (&url.URL{Path: unescaped(path), RawPath: path}).EscapedPath()
	ours, theirs := lookup(tb, index, method, path), mux.ask(method, path)
	if cmp.Equal(ours, theirs) {
		return ""
	}
	normal := normalise(path)
	theirs = mux.ask(method, normal)
	if cmp.Equal(ours, theirs) {
		return "an escaped literal is that literal"
	}
	if theirs.Status == http.StatusNotFound && escapedSlash.MatchString(path) {
		separated := separations(path)
		if slices.ContainsFunc(separated, func(path string) bool { return cmp.Equal(ours, lookup(tb, index, method, path)) }) {
			return "an escaped slash separates where nothing else matches"
		}
	}
	for _, d := range differences() {
		if d.applies(path, ours, theirs) {
			return d.name
		}
	}
	tb.Errorf("%s %s: (-grpc-gateway +route)\n%s", method, path, cmp.Diff(theirs, ours))
	return ""
}

// separations are the paths that path becomes if some of its escaped slashes separate.
func separations(path string) []string {
	all := []string{path}
	for range len(escapedSlash.FindAllString(path, -1)) {
		for _, one := range all {
			for _, at := range escapedSlash.FindAllStringIndex(one, -1) {
				other := one[:at[0]] + "/" + one[at[1]:]
				if !slices.Contains(all, other) {
					all = append(all, other)
				}
			}
		}
	}
	return all[1:]
}

// unescaped is the path as net/http would have it in URL.Path.
func unescaped(path string) string {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return decoded
}

// assertRespelled: the values that were found make a path that is found again, which
// is how a caller can hand a path with escaped literals to ServeMux.
func assertRespelled(tb testing.TB, index *route.Index[string], mux serveMux, method, path string) {
	tb.Helper()
	result, outcome, err := index.Lookup(method, path)
	if outcome != route.Found || err != nil {
		return
	}
	values := make(map[string]string)
	for _, p := range result.Params {
		values[p.Field] = p.Value
	}
	respelled, err := result.Template.Expand(from(values))
	if err != nil {
		return // a wildcard without a variable, or a value that no path can carry back
	}
	want := answer{Status: http.StatusOK, Template: result.Template.String(), Params: values}
	if diff := cmp.Diff(want, lookup(tb, index, method, respelled)); diff != "" {
		tb.Errorf("%s %s, respelled %s (-want +got):\n%s", method, path, respelled, diff)
	}
	if diff := cmp.Diff(want, mux.ask(method, respelled)); diff != "" {
		tb.Errorf("grpc-gateway: %s %s, respelled %s (-want +got):\n%s", method, path, respelled, diff)
	}
}

// rank orders templates from the least specific to the most: by verb, then by the
// kinds of their segments. It is written anew here, from the texts alone.
func rank(template string) string {
	verb := ""
	last := strings.LastIndexAny(template, "/}")
	if i := strings.LastIndexByte(template[last:], ':'); i >= 0 {
		verb, template = template[last+i:], template[:last+i]
	}
	template = variable.ReplaceAllString(bareVariable.ReplaceAllString(template, "*"), "$1")
	kinds := strings.Repeat("v", len(verb)) + " "
	for seg := range strings.SplitSeq(template, "/") {
		switch seg {
		case "**":
			kinds += "1"
		case "*":
			kinds += "2"
		default:
			kinds += "3"
		}
	}
	return kinds
}

// inOrder sorts the bindings so that ServeMux, too, finds the most specific first.
func inOrder(bindings []binding) []binding {
	slices.SortStableFunc(bindings, func(a, b binding) int { return strings.Compare(rank(a.template), rank(b.template)) })
	return bindings
}

// paths returns every path of up to n of the segments.
func paths(segments []string, n int) []string {
	all, last := []string{"/"}, []string{""}
	for range n {
		longer := make([]string, 0, len(last)*len(segments))
		for _, path := range last {
			for _, seg := range segments {
				longer = append(longer, path+"/"+seg)
			}
		}
		all, last = append(all, longer...), longer
	}
	return all
}
