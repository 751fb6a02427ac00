package rfc9110

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// ows is the white space around the parts of a field value: OWS = *( SP / HTAB ), §5.6.3.
// strings.TrimSpace also drops CR, LF and Unicode spaces, and so hides an invalid value.
const ows = " \t"

// List returns the members of a comma-separated list in order (§5.6.1), without
// the white space around them. A comma in a quoted-string is data; a quoted-string
// without its end reaches to the end of the line. List does not unquote or check
// members. Do not use it for entity-tags, in which a backslash is not an escape: see
// [ParseCondition].
func List(lines []string) []string {
	var members []string
	for _, line := range lines {
		for line != "" {
			var member string
			member, line = cutMember(line)
			if member != "" {
				members = append(members, member)
			}
		}
	}
	return members
}

// cutMember returns the first member of a list, trimmed and perhaps empty, and the
// text after its comma. The hot parsers use it because [List] allocates.
func cutMember(line string) (member, rest string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return strings.Trim(line[:i], ows), line[i+1:]
		}
	}
	return strings.Trim(line, ows), ""
}

// IsToken reports whether s is a token: one or more tchar (§5.6.2).
func IsToken(s string) bool {
	token, rest := cutToken(s)
	return token != "" && rest == ""
}

// cutToken splits s after its longest prefix of tchar.
func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && isTchar(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func isTchar(c byte) bool {
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	default:
		return isAlphanumeric(c)
	}
}

func isAlphanumeric(c byte) bool {
	return isAlpha(c) || isDigit(c)
}

func isAlpha(c byte) bool {
	c |= 0x20
	return 'a' <= c && c <= 'z'
}

func isDigit(c byte) bool {
	return '0' <= c && c <= '9'
}

// Quote returns s as a quoted-string (§5.6.4). DQUOTE and backslash are escaped.
// A control other than HTAB, or a character outside US-ASCII, becomes a '?':
// a quoted-string cannot contain the former, and §5.5 asks senders to avoid the latter.
// So the text of an error can be part of a field but cannot forge another field.
func Quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(`""`))
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t' || ' ' <= r && r <= '~':
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	b.WriteByte('"')
	return b.String()
}

// cutQuoted reads the quoted-string at the start of s and returns its content
// without the escapes. ok is false if there is none, it is not closed, or it
// contains a byte that quoted-string does not allow.
func cutQuoted(s string) (content, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	escapes := 0
	for i := 1; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			return unescape(s[1:i], escapes), s[i+1:], true
		}
		if c == '\\' {
			escapes++
			i++
			if i == len(s) {
				return "", "", false
			}
			c = s[i]
		}
		if isControl(c) {
			return "", "", false
		}
	}
	return "", "", false
}

// unescape replaces n quoted-pairs; without any it returns s and allocates nothing.
func unescape(s string, escapes int) string {
	if escapes == 0 {
		return s
	}
	b := make([]byte, 0, len(s)-escapes)
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// isControl reports a byte that no field value may contain. HTAB is allowed (§5.5).
func isControl(c byte) bool {
	return c < ' ' && c != '\t' || c == 0x7f
}

// FieldValue returns s as a field value, without the white space around it. ok is
// false, and the value empty, if s contains CR, LF, NUL, a control other than HTAB,
// or a byte outside US-ASCII. Only a refusal is safe (§5.5): a shortened or cleaned
// value would mean something else.
func FieldValue(s string) (value string, ok bool) {
	for i := range len(s) {
		if isControl(s[i]) || s[i] >= utf8.RuneSelf {
			return "", false
		}
	}
	return strings.Trim(s, ows), true
}

// Param is a parameter of a media type or of a challenge. Value is plain text; only
// the wire form has quotes and escapes.
type Param struct {
	Name  string
	Value string
}

// Challenge returns the value of WWW-Authenticate for one scheme (§11.3), such as
// `Bearer realm="x", error="invalid_token"`. It quotes every value, because realm
// must be quoted. §11.2 allows a parameter only once, and its name must be a token:
// Challenge takes the first one of a name and omits names that are not tokens.
// Bearer needs at least one parameter (RFC 6750 §3). The result is empty if scheme is
// not a token.
func Challenge(scheme string, params ...Param) string {
	if !IsToken(scheme) {
		return ""
	}
	var b strings.Builder
	b.WriteString(scheme)
	separator := " "
	for i, p := range params {
		if !IsToken(p.Name) || indexParam(params[:i], p.Name) >= 0 {
			continue
		}
		b.WriteString(separator)
		b.WriteString(p.Name)
		b.WriteByte('=')
		b.WriteString(Quote(p.Value))
		separator = ", "
	}
	return b.String()
}

// indexParam returns the index of the first parameter with the name, or -1. Names are case-insensitive.
func indexParam(params []Param, name string) int {
	return slices.IndexFunc(params, func(p Param) bool { return strings.EqualFold(p.Name, name) })
}

// Allow returns the value of Allow (§10.2.1): the methods, sorted and each once, so
// that equal routes give equal bytes. It omits methods that are not tokens. An empty
// result is valid; it means that the resource allows no method now.
func Allow(methods []string) string {
	allowed := slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return !IsToken(m) })
	slices.Sort(allowed)
	return strings.Join(slices.Compact(allowed), ", ")
}
