package observe

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
)

// Other replaces a text that must not be in a log line or a label.
const Other = "other"

// plain are the characters that need no escape in any format.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// KnownMethod returns method if RFC 9110, RFC 5789 or RFC 10008 defines it, else "_OTHER" as in
// OpenTelemetry's conventions. A client can send any token of any length, which must not get into a
// log line, a label or the name of a span.
func KnownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY":
		return method
	default:
		return "_OTHER"
	}
}

// Identifier returns text if it is a valid domain or reason of an ErrorInfo by AIP-193, else [Other].
func Identifier(text string) string {
	const longest = 63
	if len(text) > longest || strings.Trim(text, plain) != "" {
		return Other
	}
	return text
}

// networkKind returns the kind of network of an IP address, or "" if the text is not an IP address.
func networkKind(address string) string {
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

// maxCause is the maximum size of a cause in a log line, in bytes. A backend may send megabytes.
const maxCause = 16 << 10

// cause returns the attribute for the cause of a fault. Only the log contains the cause.
func cause(err error) slog.Attr {
	if err == nil {
		return slog.Any("error", nil)
	}
	text := err.Error()
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "…"
	}
	return slog.String("error", text)
}

// IsRequestID reports whether text can be a request id: 1 to 128 letters, digits and -_.
func IsRequestID(text string) bool {
	const longest = 128
	return text != "" && len(text) <= longest && strings.Trim(text, plain) == ""
}

// TraceID returns the trace id of a Traceparent header of version 00 or later (W3C Trace Context
// §3.2), or "" if the header is invalid.
func TraceID(traceparent string) string {
	if traceparent == "" {
		return ""
	}
	const lowerHex = "0123456789abcdef"
	version, rest, _ := strings.Cut(traceparent, "-")
	id, rest, _ := strings.Cut(rest, "-")
	parent, _, _ := strings.Cut(rest, "-")
	isHex := strings.Trim(version, lowerHex) == "" && strings.Trim(id, lowerHex) == "" && strings.Trim(parent, lowerHex) == ""
	if !isHex || len(version) != 2 || version == "ff" || len(id) != 32 || len(parent) != 16 || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
