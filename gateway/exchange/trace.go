package exchange

import "strings"

// traceID is the trace that a request belongs to, by the Traceparent field of version
// 00 or later (W3C Trace Context §3.2); empty if it belongs to none.
func traceID(traceparent string) string {
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
