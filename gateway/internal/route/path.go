package route

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// PathError says why a request's path cannot be read. It is an error of the client.
type PathError struct {
	// Path is the given path, still escaped.
	Path string
	// Field is the field path of the bad value; "" if no value is bad.
	Field string
	// Reason is a text for the client.
	Reason string
}

func (e *PathError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("path %q: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("path %q: the value of %s %s", e.Path, e.Field, e.Reason)
}

// checkPath refuses a text that is not an absolute path by RFC 3986.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return &PathError{Path: path, Reason: "it does not start with '/'"}
	}
	if badEscape(path) >= 0 {
		return &PathError{Path: path, Reason: "'%' is not followed by two hexadecimal digits"}
	}
	return nil
}

// routable reports whether a template can match the path: no segment is empty, "." or
// "..". One check here covers all templates, because no literal can be one of these
// either. "/" has no segments.
func routable(path string) bool {
	if path == "/" {
		return true
	}
	for left, more := path[1:], true; more; {
		var seg string
		seg, left, more = strings.Cut(left, "/")
		if seg == "" || isDots(seg) {
			return false
		}
	}
	return true
}

// lastSegment returns the text after the last slash.
func lastSegment(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}

// isDots reports whether a client that normalises would treat the segment as "." or
// "..". It treats %2E as a dot, like the URL standard of browsers.
func isDots(seg string) bool {
	const escaped = len("%2e")
	for range len("..") {
		switch {
		case strings.HasPrefix(seg, "."):
			seg = seg[1:]
		case len(seg) >= escaped && strings.EqualFold(seg[:escaped], "%2e"):
			seg = seg[escaped:]
		default:
			return false
		}
		if seg == "" {
			return true
		}
	}
	return false
}

// flawOf returns why a value can be neither captured nor expanded, or "" if it can.
func flawOf(value string) string {
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return "holds a control character"
		}
	}
	if !utf8.ValidString(value) {
		return "is not UTF-8"
	}
	return ""
}

// badEscape returns the offset of the first '%' without two hexadecimal digits after
// it, or -1.
func badEscape(s string) int {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return -1
	}
	for ; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return i
		}
		i += 2
	}
	return -1
}

// hasEscapedSlash reports whether s contains an escaped slash.
func hasEscapedSlash(s string) bool {
	return strings.Contains(s, "%2F") || strings.Contains(s, "%2f")
}

// separate replaces the escaped slashes of each segment by slashes, if the segment is
// in one of the spans and the span has room for all the segments that it becomes.
func separate(path string, spans []span) string {
	segments := strings.Split(path, "/")
	at := 0
	for i, segment := range segments {
		parts := strings.ReplaceAll(strings.ReplaceAll(segment, "%2F", "/"), "%2f", "/")
		n := 1 + strings.Count(parts, "/")
		fits := func(s span) bool { return s.first <= at && at+n <= s.end }
		if !slices.ContainsFunc(spans, fits) {
			at++
			continue
		}
		segments[i] = parts
		at += n
	}
	return strings.Join(segments, "/")
}

// unescape decodes the escapes of s, which must be well-formed. With keepSlash it
// keeps the escapes of slashes.
func unescape(s string, keepSlash bool) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		c := unhex(s[i+1])<<4 | unhex(s[i+2])
		if keepSlash && c == '/' {
			b.WriteString(s[i : i+3])
		} else {
			b.WriteByte(c)
		}
		i += 2
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool {
	return '0' <= c && c <= '9'
}

// isIdent: the identifiers of .proto files.
func isIdent(c byte, first bool) bool {
	return c == '_' || isLetter(c) || isDigit(c) && !first
}

// isUnreserved: RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0
}

// isReservedPchar: the reserved characters that a segment can contain unescaped.
func isReservedPchar(c byte) bool {
	return strings.IndexByte("!$&'()*+,;=:@", c) >= 0
}

// isPchar: RFC 3986 §3.3, without the escapes.
func isPchar(c byte) bool {
	return isUnreserved(c) || isReservedPchar(c)
}
