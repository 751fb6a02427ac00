package rfc9110

import (
	"net/netip"
	"strings"
)

// LinkTarget is one link: its target and the target's relation to the requested resource.
type LinkTarget struct {
	// URI is a URI-reference. Bytes that it cannot contain are percent-encoded.
	URI string
	// Rel is the relation type, such as "successor-version".
	Rel string
}

// Link returns the value of a Link field (RFC 8288 §3), `<uri>; rel="x", <uri>; rel="y"`.
// Each link has exactly one rel (§3.3), so Link omits a target without one. Untrusted
// text is safe as a URI: it cannot end the angle brackets or the line.
func Link(targets ...LinkTarget) string {
	var b strings.Builder
	for _, t := range targets {
		if t.Rel == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('<')
		b.WriteString(uriReference(t.URI))
		b.WriteString(">; rel=")
		b.WriteString(Quote(t.Rel))
	}
	return b.String()
}

// uriReference percent-encodes bytes that RFC 3986 does not allow at their position.
// It returns a valid URI-reference unchanged. It does not use url.Parse, which refuses
// some references: in an error, a link with a damaged target is better than none.
func uriReference(s string) string {
	s, fragment, hasFragment := strings.Cut(s, "#")
	s, query, hasQuery := strings.Cut(s, "?")

	var b strings.Builder
	scheme, rest := cutScheme(s)
	b.WriteString(scheme)
	if afterSlashes, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexByte(afterSlashes, '/')
		if end < 0 {
			end = len(afterSlashes)
		}
		b.WriteString("//")
		b.WriteString(encodeAuthority(afterSlashes[:end]))
		rest = afterSlashes[end:]
	} else if scheme == "" {
		// A colon in the first segment would look like the end of a scheme (§4.2).
		first, _, _ := strings.Cut(rest, "/")
		b.WriteString(encodePart(first, "@"))
		rest = rest[len(first):]
	}
	b.WriteString(encodePart(rest, ":@/"))
	if hasQuery {
		b.WriteByte('?')
		b.WriteString(encodePart(query, ":@/?"))
	}
	if hasFragment {
		b.WriteByte('#')
		b.WriteString(encodePart(fragment, ":@/?"))
	}
	return b.String()
}

// cutScheme splits s after a scheme and its colon (RFC 3986 §3.1), if it has one.
func cutScheme(s string) (scheme, rest string) {
	i := 0
	for i < len(s) && (isAlpha(s[i]) || i > 0 && (isDigit(s[i]) || strings.IndexByte("+-.", s[i]) >= 0)) {
		i++
	}
	if i == 0 || i == len(s) || s[i] != ':' {
		return "", s
	}
	return s[:i+1], s[i+1:]
}

// encodeAuthority keeps [ userinfo "@" ] host [ ":" port ], RFC 3986 §3.2. It keeps
// brackets only around an IPv6 address, and a colon only before a port.
func encodeAuthority(s string) string {
	user, port := "", ""
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		user, s = encodePart(s[:at], ":")+"@", s[at+1:]
	}
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 && strings.Trim(s[colon:], ":0123456789") == "" {
		s, port = s[:colon], s[colon:]
	}
	if isIPv6Literal(s) {
		return user + s + port
	}
	return user + encodePart(s, "") + port
}

// isIPv6Literal reports "[" IPv6address "]" without a zone.
func isIPv6Literal(s string) bool {
	s, opened := strings.CutPrefix(s, "[")
	s, closed := strings.CutSuffix(s, "]")
	addr, err := netip.ParseAddr(s)
	return opened && closed && err == nil && addr.Is6() && addr.Zone() == ""
}

// encodePart keeps unreserved, sub-delims, whole percent-encodings and the bytes
// of extra, and encodes the rest.
func encodePart(s, extra string) string {
	keep := func(c byte) bool {
		return isAlphanumeric(c) || strings.IndexByte("-._~!$&'()*+,;=", c) >= 0 || strings.IndexByte(extra, c) >= 0
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "%")
		b.WriteString(percentEncode(before, keep))
		if !found {
			return b.String()
		}
		b.WriteByte('%')
		if len(after) < 2 || !isHex(after[0]) || !isHex(after[1]) {
			b.WriteString("25")
		}
		s = after
	}
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}
