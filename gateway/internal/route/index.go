package route

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is what a lookup came to.
type Outcome int

// The outcomes of [Index.Lookup]. NotFound is also the one beside an error.
const (
	// NotFound: no template of any method matches the path.
	NotFound Outcome = iota
	// MethodNotAllowed: a template matches the path, but none for the method.
	MethodNotAllowed
	// Found: the Result has the template that matches.
	Found
)

// Result is what a lookup found.
type Result[T any] struct {
	// Value, Template and Params are set with Found only. Value is the one given to
	// Add; Params are in the order of the path, nil if the template has no variables.
	Value    T
	Template *Template
	Params   []Param
	// Allow is set with MethodNotAllowed only: see [Index.Allow].
	Allow []string
}

// ClashError says that two templates match exactly the same paths for one method:
// they have the same literals, wildcards and verb, whatever their variables.
type ClashError struct {
	Method        string
	First, Second *Template
}

func (e *ClashError) Error() string {
	return fmt.Sprintf("%s %s matches exactly the paths of %s", e.Method, e.Second, e.First)
}

// Index finds the template that a path belongs to, in a time that does not depend
// on how many there are. The zero Index is empty and ready. Lookups may run at the
// same time, but not while Add does.
type Index[T any] struct {
	methods map[string]*tree[T]
	names   []string // the keys of methods, sorted
}

// Add puts a template in the index, for one method (case-sensitive, RFC 9110
// §9.1). The order of Adds does not matter. Its one error is a [*ClashError], after
// which the index is as it was.
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
	return nil
}

// Lookup finds the most specific template that has the method and matches the path.
// The path is the request's own spelling of it: what URL.EscapedPath returns,
// without the query.
//
// Its one error is a [*PathError], with NotFound: the path does not start with '/',
// has a malformed escape, or gives a variable of the template that was found a value
// with a control character (0x00-0x1f, 0x7f) or invalid UTF-8.
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
		if allow := x.allow(path); allow != nil {
			return Result[T]{Allow: allow}, MethodNotAllowed, nil
		}
		return Result[T]{}, NotFound, nil
	}
	params, bad := found.template.capture(matched)
	if bad != nil {
		bad.Path = escapedPath
		return Result[T]{}, NotFound, bad
	}
	return Result[T]{Value: found.value, Template: found.template, Params: params}, Found, nil
}

// Methods returns every method that a template was added for, sorted.
func (x *Index[T]) Methods() []string { return slices.Clone(x.names) }

// Allow returns every method that a template has for the path, sorted: the Allow of
// RFC 9110 §10.2.1, but without a HEAD that nobody added. nil if no template matches
// the path, or if it cannot be read.
func (x *Index[T]) Allow(escapedPath string) []string {
	if checkPath(escapedPath) != nil || !routable(escapedPath) {
		return nil
	}
	return x.allow(escapedPath[1:])
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

// tree is what the index knows of one method: a trie of segments for each verb.
// Verbs come first and not last, because one decides where the path ends.
type tree[T any] struct {
	plain node[T]
	verbs map[string]*node[T]
	// colons is the largest number of colons within a verb, such as 1 for "a:b".
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

// find returns the best match and the part of the path that its segments matched:
// all but the verb. The path comes without its first slash.
func (t *tree[T]) find(path string) (*leaf[T], string) {
	if t == nil {
		return nil, ""
	}
	if len(t.verbs) > 0 {
		found, matched := t.findVerb(path)
		if found != nil && isDots(lastSegment(matched)) {
			// "/v1/..:check" is data only where no verb fits: to let another
			// template have it would hide from the caller that one did.
			return nil, ""
		}
		if found != nil {
			return found, matched
		}
	}
	return t.plain.findRoot(path), path
}

// findVerb tries the colons of the last segment, from the last one back. One more
// than a verb can hold is enough, so a path full of colons costs no more.
func (t *tree[T]) findVerb(path string) (*leaf[T], string) {
	var best *leaf[T]
	var matched string
	last := len(path) - len(lastSegment(path))
	colon := len(path)
	for range t.colons + 1 {
		colon = strings.LastIndexByte(path[:colon], ':')
		if colon <= last {
			break // also at last itself: a verb stands after something
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
