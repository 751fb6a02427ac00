package route

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is the result of a lookup.
type Outcome int

// The outcomes of [Index.Lookup]. With an error, the outcome is NotFound.
const (
	// NotFound: no template of any method matches the path.
	NotFound Outcome = iota
	// MethodNotAllowed: a template matches the path, but none for the method.
	MethodNotAllowed
	// Found: the Result has the template that matches.
	Found
)

// Result is what a lookup returns.
type Result[T any] struct {
	// Value, Template and Params are set only with Found. Value is the one that Add
	// got. Params are in the order of the path, nil if the template has no variables.
	Value    T
	Template *Template
	Params   []Param
	// Allow is set only with MethodNotAllowed: see [Index.Allow].
	Allow []string
}

// ClashError says that two templates match the same paths for one method: they have
// the same literals, wildcards and verb. Variables make no difference.
type ClashError struct {
	Method        string
	First, Second *Template
}

func (e *ClashError) Error() string {
	return fmt.Sprintf("%s %s matches exactly the paths of %s", e.Method, e.Second, e.First)
}

// Index finds the template for a path, in a time that does not depend on the number
// of templates. The zero Index is empty and ready to use. Lookups may run
// concurrently, but not during Add.
type Index[T any] struct {
	methods map[string]*tree[T]
	names   []string // the keys of methods, sorted
	joined  [][]span // the different results of Template.joined
}

// Add puts a template in the index, for one method (case-sensitive, RFC 9110 §9.1).
// The order of Adds does not matter. The only error is a [*ClashError]; then the
// index is unchanged.
func (x *Index[T]) Add(method string, t *Template, value T) error {
	methods := x.methods[method]
	if methods == nil {
		methods = &tree[T]{}
	}
	if first := methods.add(t, value); first != nil {
		return &ClashError{Method: method, First: first, Second: t}
	}
	if x.methods == nil {
		x.methods = make(map[string]*tree[T])
	}
	if i, ok := slices.BinarySearch(x.names, method); !ok {
		x.names = slices.Insert(x.names, i, method)
		x.methods[method] = methods
	}
	joined := t.joined()
	same := func(spans []span) bool { return slices.Equal(spans, joined) }
	if len(joined) > 0 && !slices.ContainsFunc(x.joined, same) {
		x.joined = append(x.joined, joined)
	}
	return nil
}

// Lookup finds the most specific template that has the method and matches the path.
// The path has the request's spelling: URL.EscapedPath, without the query.
//
// The only error is a [*PathError], with NotFound: the path does not start with '/',
// has a malformed escape, or gives a variable a value with a control character
// (0x00-0x1f, 0x7f) or invalid UTF-8.
func (x *Index[T]) Lookup(method, escapedPath string) (Result[T], Outcome, error) {
	if err := checkPath(escapedPath); err != nil {
		return Result[T]{}, NotFound, err
	}
	if !routable(escapedPath) {
		return Result[T]{}, NotFound, nil
	}
	path := escapedPath[1:]
	found, matched := x.methods[method].find(path)
	if found == nil {
		allow := x.allow(path)
		if allow == nil {
			found, matched, allow = x.findSeparated(method, path)
		}
		if allow != nil {
			return Result[T]{Allow: allow}, MethodNotAllowed, nil
		}
	}
	if found == nil {
		return Result[T]{}, NotFound, nil
	}
	params, bad := found.template.capture(matched)
	if bad != nil {
		bad.Path = escapedPath
		return Result[T]{}, NotFound, bad
	}
	return Result[T]{Value: found.value, Template: found.template, Params: params}, Found, nil
}

// Methods returns every method that has a template, sorted.
func (x *Index[T]) Methods() []string { return slices.Clone(x.names) }

// Allow returns every method that has a template for the path, sorted: the Allow of
// RFC 9110 §10.2.1, but with HEAD only if it was added. It is nil if no template
// matches the path, or if the path cannot be read.
func (x *Index[T]) Allow(escapedPath string) []string {
	if checkPath(escapedPath) != nil || !routable(escapedPath) {
		return nil
	}
	if allow := x.allow(escapedPath[1:]); allow != nil {
		return allow
	}
	for _, path := range x.separated(escapedPath[1:]) {
		if allow := x.allow(path); allow != nil {
			return allow
		}
	}
	return nil
}

// findSeparated finds the template of a path that matches none, if its escaped slashes
// may separate segments. If only other methods have one, it returns those methods.
func (x *Index[T]) findSeparated(method, path string) (found *leaf[T], matched string, allow []string) {
	for _, path := range x.separated(path) {
		if found, matched = x.methods[method].find(path); found != nil {
			return found, matched, nil
		}
		if allow = x.allow(path); allow != nil {
			break
		}
	}
	return nil, "", allow
}

// separated returns the paths that the path becomes if escaped slashes separate segments
// within the variables of the templates. The one with the most segments is the first.
func (x *Index[T]) separated(path string) []string {
	if !hasEscapedSlash(path) {
		return nil
	}
	var paths []string
	for _, spans := range x.joined {
		other := separate(path, spans)
		if other != path && routable("/"+other) && !slices.Contains(paths, other) {
			paths = append(paths, other)
		}
	}
	slices.SortStableFunc(paths, func(a, b string) int { return len(a) - len(b) })
	return paths
}

func (x *Index[T]) allow(path string) []string {
	var allow []string
	for _, method := range x.names {
		if found, _ := x.methods[method].find(path); found != nil {
			allow = append(allow, method)
		}
	}
	return allow
}

// tree contains the templates of one method: a trie of segments for each verb. Verbs
// come first, because the verb decides where the path ends.
type tree[T any] struct {
	plain node[T]
	verbs map[string]*node[T]
	// colons is the largest number of colons in a verb, such as 1 for "a:b".
	colons int
}

// add returns the template that is there already, or nil.
func (t *tree[T]) add(tmpl *Template, value T) *Template {
	root := &t.plain
	if tmpl.verb != "" {
		root = t.verbs[tmpl.verbKey]
		if root == nil {
			root = &node[T]{}
		}
	}
	if first := root.add(tmpl, value); first != nil {
		return first
	}
	if tmpl.verb == "" {
		return nil
	}
	if t.verbs == nil {
		t.verbs = make(map[string]*node[T])
	}
	t.verbs[tmpl.verbKey] = root
	t.colons = max(t.colons, strings.Count(tmpl.verbKey, ":"))
	return nil
}

// find returns the best match and the path without the verb. path has no first slash.
func (t *tree[T]) find(path string) (*leaf[T], string) {
	if t == nil {
		return nil, ""
	}
	if len(t.verbs) > 0 {
		found, matched := t.findVerb(path)
		if found != nil && isDots(lastSegment(matched)) {
			// "/v1/..:check" is data only if no verb matches: a match of another
			// template would hide from the caller that the verb's template matched.
			return nil, ""
		}
		if found != nil {
			return found, matched
		}
	}
	return t.plain.findRoot(path), path
}

// findVerb tries the colons of the last segment, the last one first. It stops at one
// more than a verb can contain, so a path full of colons costs no more.
func (t *tree[T]) findVerb(path string) (*leaf[T], string) {
	var best *leaf[T]
	var matched string
	last := len(path) - len(lastSegment(path))
	colon := len(path)
	for range t.colons + 1 {
		colon = strings.LastIndexByte(path[:colon], ':')
		if colon <= last {
			break // also at last itself: there is something before a verb
		}
		root := t.verbs[unescape(path[colon+1:], false)]
		if root == nil {
			continue
		}
		if found := root.findRoot(path[:colon]); found != nil {
			best, matched = found, path[:colon] // a longer verb is more specific
		}
	}
	return best, matched
}
