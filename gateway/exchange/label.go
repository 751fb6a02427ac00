package exchange

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Other stands for a text that is not fit to stand in a log line or a label.
const Other = "other"

// plain are the characters that need no escape, wherever a text goes.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// KnownMethod is an HTTP method as it may stand in a log line, a label or the name of a
// span. A client can send any token, as long as it likes; what is not a method that
// everybody knows is called as in OpenTelemetry's conventions.
func KnownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY":
		return method
	default:
		return "_OTHER"
	}
}

// Identifier is the domain or the reason of an ErrorInfo as it may stand there: empty, or
// of the characters and the length that AIP-193 gives them, else [Other].
func Identifier(text string) string {
	const longest = 63
	if len(text) > longest || strings.Trim(text, plain) != "" {
		return Other
	}
	return text
}

// ClientKind says from what kind of network an address is; empty if it is none.
func ClientKind(address string) string {
	parsed, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return "" // a socket of another kind
	case parsed.IsLoopback():
		return "loopback"
	case parsed.IsPrivate() || parsed.IsLinkLocalUnicast():
		return "private"
	default:
		return "public"
	}
}

// Texts are the attributes of a line of the log by their names and values, without those
// of which there is none.
func Texts(pairs [][2]string) []slog.Attr {
	attrs := make([]slog.Attr, 0, 2*len(pairs)) // There is room for those that are no texts.
	for _, one := range pairs {
		if one[1] != "" {
			attrs = append(attrs, slog.String(one[0], one[1]))
		}
	}
	return attrs
}

// maxCause bounds what a line of the log says about a fault. A backend may send megabytes.
const maxCause = 16 << 10

// CauseOf is the attribute of why something failed, for the log alone.
func CauseOf(cause error) slog.Attr {
	if cause == nil {
		return slog.Any("error", nil)
	}
	text := cause.Error()
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "…"
	}
	return slog.String("error", text)
}

// Took is the attribute of how long something has taken, in milliseconds to the microsecond.
func Took(start time.Time) slog.Attr {
	return slog.Float64("milliseconds", float64(time.Since(start).Round(time.Microsecond))/float64(time.Millisecond))
}
