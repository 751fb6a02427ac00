package route

import (
	"math"
	"strings"
)

// kind says what a segment of a template matches.
type kind uint8

const (
	literal  kind = iota // one segment, equal to it
	wildcard             // `*`: one segment
	rest                 // `**`: all segments that are left
)

// segment is one part of a template between slashes. Segments are not nested: a
// variable is a range of them.
type segment struct {
	kind kind
	text string // as the template writes it
	key  string // of a literal: text, unescaped
}

// variable binds the segments [first, end) of its template to a field.
type variable struct {
	field      string
	first, end int
	// escaped: a literal in the range has escapes, so the value cannot be cut out of
	// the request's path.
	escaped bool
}

// Template is one parsed path template. It is immutable, so it can be shared. The
// zero Template is that of "/".
type Template struct {
	text      string
	segments  []segment
	variables []variable
	verb      string // as the template writes it; "" if it has none
	verbKey   string // verb, unescaped
}

// String returns the template as it was written.
func (t *Template) String() string {
	if t.text == "" {
		return "/"
	}
	return t.text
}

// Fields returns the field paths of the variables, in the order of the path. The
// caller may change the slice.
func (t *Template) Fields() []string {
	fields := make([]string, 0, len(t.variables))
	for _, v := range t.variables {
		fields = append(fields, v.field)
	}
	return fields
}

// segmentsOf returns the part of the template that v binds.
func (t *Template) segmentsOf(v variable) []segment {
	return t.segments[v.first:v.end]
}

// span is a range of segments, [first, end).
type span struct{ first, end int }

// joined returns the segments of each variable that has more than one. A client may
// escape the slashes between those.
func (t *Template) joined() []span {
	var spans []span
	for _, v := range t.variables {
		s := span{v.first, v.end}
		if s.end-s.first < 2 {
			continue
		}
		if endsOpen(t.segmentsOf(v)) {
			s.end = math.MaxInt
		}
		spans = append(spans, s)
	}
	return spans
}

// endsOpen reports whether the segments end in `**`.
func endsOpen(segments []segment) bool {
	return len(segments) > 0 && segments[len(segments)-1].kind == rest
}

// Param is the value of one variable in a path.
type Param struct {
	// Field is the variable's field path, such as "entity.id".
	Field string
	// Value is unescaped: fully if the variable is one `*`; else all but "%2F" and
	// "%2f". A literal in the variable has the template's spelling. Value is
	// valid UTF-8 without control characters, and empty only for a "/**" that took
	// nothing.
	Value string
}

// capture cuts the values out of a path that matches the template, or returns nil if
// the template has no variables. path has no first slash and no verb, so the error
// lacks the whole path.
func (t *Template) capture(path string) ([]Param, *PathError) {
	if len(t.variables) == 0 {
		return nil, nil
	}
	params := make([]Param, 0, len(t.variables))
	next := 0
	for _, v := range t.variables {
		_, path = cutSegments(path, v.first-next)
		var raw string
		raw, path = path, ""
		if segments := t.segmentsOf(v); !endsOpen(segments) {
			raw, path = cutSegments(raw, len(segments))
		}
		next = v.end
		value := t.valueOf(v, raw)
		if flaw := flawOf(value); flaw != "" {
			return nil, &PathError{Field: v.field, Reason: flaw}
		}
		params = append(params, Param{Field: v.field, Value: value})
	}
	return params, nil
}

// valueOf unescapes the value of a variable. It allocates only if there is an escape.
func (t *Template) valueOf(v variable, raw string) string {
	if !v.escaped && strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	segments := t.segmentsOf(v)
	several := len(segments) > 1 || endsOpen(segments)
	parts := make([]string, 0, len(segments))
	for _, s := range segments {
		var part string
		switch s.kind {
		case literal:
			part = s.text
			_, raw = cutSegments(raw, 1)
		case wildcard:
			part, raw = cutSegments(raw, 1)
			part = unescape(part, several)
		case rest:
			part = unescape(raw, true)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "/")
}

// cutSegments cuts the first n segments off path, with the slash after them.
func cutSegments(path string, n int) (front, back string) {
	end := -1
	for range n {
		slash := strings.IndexByte(path[end+1:], '/')
		if slash < 0 {
			return path, ""
		}
		end += slash + 1
	}
	return path[:max(end, 0)], path[end+1:]
}
