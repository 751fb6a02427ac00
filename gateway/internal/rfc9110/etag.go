package rfc9110

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrETag says that a text is not an entity-tag.
var ErrETag = errors.New("not an entity-tag")

// ETag is an entity-tag (§8.8.3). The zero value is the strong tag `""`, which is
// valid; it does not mean that there is no tag.
type ETag struct {
	// Opaque is the text between the quotes, byte for byte.
	Opaque string
	// Weak is true for W/"...".
	Weak bool
}

// ParseETag reads exactly one entity-tag. The error is [ErrETag].
func ParseETag(s string) (ETag, error) {
	tag, rest, err := cutETag(s)
	if err != nil {
		return ETag{}, err
	}
	if rest != "" {
		return ETag{}, fmt.Errorf("%w: text after the closing quote", ErrETag)
	}
	return tag, nil
}

// cutETag reads the entity-tag at the start of s. A backslash is an ordinary
// byte: an opaque-tag is not a quoted-string (§8.8.3, note).
func cutETag(s string) (tag ETag, rest string, err error) {
	// The grammar makes W/ case-sensitive, so `w/"1"` is not a tag.
	quoted, weak := strings.CutPrefix(s, "W/")
	if quoted == "" || quoted[0] != '"' {
		return ETag{}, "", fmt.Errorf("%w: no opening quote", ErrETag)
	}
	quoted = quoted[1:]
	for i := range len(quoted) {
		if quoted[i] == '"' {
			return ETag{Opaque: quoted[:i], Weak: weak}, quoted[i+1:], nil
		}
		if !isEtagc(quoted[i]) {
			return ETag{}, "", fmt.Errorf("%w: a space or control inside the quotes", ErrETag)
		}
	}
	return ETag{}, "", fmt.Errorf("%w: no closing quote", ErrETag)
}

// isEtagc is etagc = %x21 / %x23-7E / obs-text.
func isEtagc(c byte) bool {
	return c > ' ' && c != '"' && c != 0x7f
}

// String returns the tag in its wire form, `"x"` or `W/"x"`. It does not check Opaque:
// tags from [ParseETag] and [StrongETag] are valid; a caller that builds one checks it.
func (t ETag) String() string {
	if t.Weak {
		return `W/"` + t.Opaque + `"`
	}
	return `"` + t.Opaque + `"`
}

// StrongETag returns the strong tag of a version with any text. Different versions
// give different tags: bytes that a tag cannot contain are percent-encoded, and '%'
// too. Backslash is encoded because some recipients treat it as an escape (§8.8.3),
// and bytes outside US-ASCII because gRPC metadata cannot contain them.
func StrongETag(version string) ETag {
	return ETag{Opaque: percentEncode(version, isPlainEtagc)}
}

func isPlainEtagc(c byte) bool {
	return isEtagc(c) && c < utf8.RuneSelf && c != '%' && c != '\\'
}

// percentEncode replaces each byte that keep refuses by % and two upper-case
// hexadecimal digits (RFC 3986 §2.1). If there is none, it returns s.
func percentEncode(s string, keep func(byte) bool) string {
	const hexDigits = "0123456789ABCDEF"
	encoded := 0
	for i := range len(s) {
		if !keep(s[i]) {
			encoded++
		}
	}
	if encoded == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+encoded*len("25"))
	for i := range len(s) {
		if keep(s[i]) {
			b = append(b, s[i])
			continue
		}
		b = append(b, '%', hexDigits[s[i]>>4], hexDigits[s[i]&0xf])
	}
	return string(b)
}

// StrongEqual is the strong comparison of §8.8.3.2: a weak tag equals nothing, itself included.
func (t ETag) StrongEqual(o ETag) bool {
	return !t.Weak && !o.Weak && t.Opaque == o.Opaque
}

// WeakEqual is the weak comparison of §8.8.3.2: only the text counts.
func (t ETag) WeakEqual(o ETag) bool {
	return t.Opaque == o.Opaque
}
