package route

import (
	"fmt"
	"strings"
)

// ExpandError says why a template cannot become a path with the given values.
type ExpandError struct {
	// Field is the field path of the bad variable; "" if the template has a wildcard
	// outside a variable.
	Field string
	// Reason does not contain the value, which may be private.
	Reason string
}

func (e *ExpandError) Error() string {
	if e.Field == "" {
		return "expanding a path template: " + e.Reason
	}
	return fmt.Sprintf("expanding a path template: the value of %s %s", e.Field, e.Reason)
}

// Expand makes the path for the values. The function value returns the unescaped
// value of a field path, and whether there is one. If an index finds this template
// for the path, it finds the same values.
//
// Each segment of a value is encoded: all but the unreserved characters of RFC 3986
// §2.3. The value of a variable of one `*` is one segment. If the variable has more
// segments, the value must match its pattern, and the slashes between stay.
//
// Every error is an [*ExpandError]: a value that is missing, empty, "." or ".." in
// a whole segment (clients would normalise it away), of the wrong pattern, not
// UTF-8, or with a control character; and a template with a wildcard outside of any
// variable.
func (t *Template) Expand(value func(field string) (string, bool)) (string, error) {
	var b strings.Builder
	next := 0
	for _, v := range t.variables {
		if err := writeFixed(&b, t.segments[next:v.first]); err != nil {
			return "", err
		}
		val, ok := value(v.field)
		if !ok {
			return "", &ExpandError{Field: v.field, Reason: "is missing"}
		}
		if flaw := writeValue(&b, t.segmentsOf(v), val); flaw != "" {
			return "", &ExpandError{Field: v.field, Reason: flaw}
		}
		next = v.end
	}
	if err := writeFixed(&b, t.segments[next:]); err != nil {
		return "", err
	}
	if b.Len() == 0 {
		return "/", nil
	}
	if t.verb != "" {
		b.WriteString(":" + t.verb)
	}
	return b.String(), nil
}

// writeFixed writes segments outside variables.
func writeFixed(b *strings.Builder, segments []segment) error {
	for _, s := range segments {
		if s.kind != literal {
			return &ExpandError{Reason: fmt.Sprintf("no variable gives the value of %s", s.text)}
		}
		b.WriteByte('/')
		b.WriteString(s.text)
	}
	return nil
}

// writeValue writes the value of a variable, or returns the reason why it cannot.
func writeValue(b *strings.Builder, segments []segment, value string) string {
	if value == "" {
		return "is empty"
	}
	if flaw := flawOf(value); flaw != "" {
		return flaw
	}
	if len(segments) == 1 && segments[0].kind == wildcard {
		return writeSegment(b, segments[0], value)
	}
	parts := strings.Split(value, "/")
	if !fits(segments, parts) {
		return "does not match " + join(segments)
	}
	for i, part := range parts {
		if flaw := writeSegment(b, segments[min(i, len(segments)-1)], part); flaw != "" {
			return flaw
		}
	}
	return ""
}

// fits reports whether the parts match the segments in number and literals.
func fits(segments []segment, parts []string) bool {
	if len(parts) < len(segments) || len(parts) > len(segments) && !endsOpen(segments) {
		return false
	}
	for i, s := range segments {
		if s.kind == literal && parts[i] != s.text {
			return false
		}
	}
	return true
}

// writeSegment writes part, one segment of a value, encoded for s.
func writeSegment(b *strings.Builder, s segment, part string) string {
	b.WriteByte('/')
	if s.kind == literal {
		b.WriteString(part)
		return ""
	}
	switch part {
	case "":
		return "has an empty segment"
	case ".", "..":
		return "has a segment that clients remove"
	}
	for i := range len(part) {
		if c := part[i]; isUnreserved(c) {
			b.WriteByte(c)
		} else {
			writeEscape(b, c)
		}
	}
	return ""
}

// writeEscape writes upper-case digits, as RFC 3986 §2.1 asks.
func writeEscape(b *strings.Builder, c byte) {
	const digits = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(digits[c>>4])
	b.WriteByte(digits[c&0xf])
}

// join returns the segments as a template writes them.
func join(segments []segment) string {
	texts := make([]string, 0, len(segments))
	for _, s := range segments {
		texts = append(texts, s.text)
	}
	return strings.Join(texts, "/")
}
