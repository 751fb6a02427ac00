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

// Prefix finds out below which path the client reaches the API. It comes before everything that
// responds, because an error leads clients to its page. public is the path of the public URL,
// if it has one.
func Prefix(public string, proxies []netip.Prefix) Rule {
	return func(ex *exchange.Exchange) error {
		ex.Prefix = pathPrefix(ex.Request, public, proxies)
		return nil
	}
}

// longestPrefix is the longest X-Forwarded-Prefix that is used, in bytes.
const longestPrefix = 256

// pathPrefix returns the path below which a client reaches the API. The path of the public URL
// comes first. Without one it is what trusted proxies say in X-Forwarded-Prefix, and what a
// handler in this process, such as [http.StripPrefix], has removed from the path.
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

// removedPrefix compares the target that the client sent with the path that has arrived here.
func removedPrefix(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); path == r.URL.Path {
		return ""
	}
	sent, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return "" // The request did not come over a connection.
	}
	// Both paths are escaped in the same way, whatever characters the client left as they are.
	prefix, removed := strings.CutSuffix(sent.EscapedPath(), r.URL.EscapedPath())
	if !removed {
		return ""
	}
	return strings.TrimRight(prefix, "/")
}

// forwardedPrefix reads X-Forwarded-Prefix. Each proxy adds its own prefix, the outermost first.
// A text that is no absolute path is ignored, and so is one with dot segments or empty ones: a client
// would resolve them, and then look elsewhere.
func forwardedPrefix(lines []string) string {
	var prefix strings.Builder
	for _, one := range rfc9110.List(lines) {
		one = strings.TrimRight(one, "/")
		if one != "" && !isCleanPath(one) {
			return ""
		}
		prefix.WriteString(one)
	}
	if prefix.Len() > longestPrefix {
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
