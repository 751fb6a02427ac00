package rules

import (
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Prefix determines the path prefix under which the client reaches the API. It runs before every rule
// that responds, because the errors contain links. public is the path of the public URL, or empty.
func Prefix(public string, proxies []netip.Prefix) Rule {
	return func(ex *exchange.Exchange) error {
		ex.Request = withSlash(ex.Request)
		ex.Prefix = pathPrefix(ex.Request, public, proxies)
		return nil
	}
}

// withSlash returns r with a path that begins with a slash, as [http.FileServer] does: StripPrefix
// removes it if the prefix ends with one. An empty path means "/" (RFC 9110 §4.2.3).
func withSlash(r *http.Request) *http.Request {
	if strings.HasPrefix(r.URL.Path, "/") || r.URL.Path == "*" || r.Method == http.MethodConnect {
		return r
	}
	rooted := *r.URL
	rooted.Path = "/" + rooted.Path
	if rooted.RawPath != "" {
		rooted.RawPath = "/" + rooted.RawPath
	}
	r = r.WithContext(r.Context())
	r.URL = &rooted
	return r
}

// maxPrefix is the maximum length of an X-Forwarded-Prefix that is used, in bytes.
const maxPrefix = 256

// pathPrefix returns the path of the public URL, if there is one. Else it returns the
// X-Forwarded-Prefix of trusted proxies, followed by the prefix that a handler in this process, such
// as [http.StripPrefix], has removed from the path.
func pathPrefix(r *http.Request, public string, proxies []netip.Prefix) string {
	if public != "" {
		return public
	}
	prefix := removedPrefix(r)
	if len(proxies) > 0 && isTrusted(HostOf(r.RemoteAddr), proxies) {
		prefix = forwardedPrefix(r.Header["X-Forwarded-Prefix"]) + prefix
	}
	return prefix
}

// removedPrefix returns the prefix that handlers have removed from the path that the client sent.
func removedPrefix(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); path == r.URL.Path {
		return ""
	}
	sent, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return "" // The request did not come over a connection.
	}
	// Compare escaped paths, because the client may have left some characters unescaped.
	prefix, removed := strings.CutSuffix(sent.EscapedPath(), r.URL.EscapedPath())
	if !removed {
		return ""
	}
	return strings.TrimRight(prefix, "/")
}

// forwardedPrefix returns the prefix in X-Forwarded-Prefix. Each proxy adds its own prefix, the
// outermost first. If one of them is not an absolute path, or has dot segments or empty segments,
// the result is empty: a client would resolve those, and then look elsewhere.
func forwardedPrefix(lines []string) string {
	var prefix strings.Builder
	for _, one := range rfc9110.List(lines) {
		one = strings.TrimRight(one, "/")
		if one != "" && !isCleanPath(one) {
			return ""
		}
		prefix.WriteString(one)
	}
	if prefix.Len() > maxPrefix {
		return ""
	}
	return prefix.String()
}

// isCleanPath reports whether text is an escaped absolute path that a client does not resolve to
// another one.
func isCleanPath(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && strings.HasPrefix(text, "/") && parsed.EscapedPath() == text && path.Clean(parsed.Path) == parsed.Path
}
