// Package route reads the path templates of google.api.http and finds the template
// that matches a request's path.
//
// [Parse] reads one template, [Template.Expand] makes a path from it, and [Index]
// looks paths up. All three are pure: strings in, values out.
//
// # Which template wins
//
// The most specific one wins, not the last one registered as in grpc-gateway: a
// template with a verb before one without; then, from left to right, a literal before
// `*` before `**`. The search backtracks, so it finds a match if there is one. Each
// method is separate: a template without the method does not hide a less specific one
// with it.
//
// # Agreement with grpc-gateway
//
// Generated grpc-gateway handlers serve the same contract. So template and values are
// those of its runtime.ServeMux with UnescapingModeAllExceptReserved and
// WithStrictDeepWildcardMatching, if URL.RawPath is URL.EscapedPath():
//
//   - `*` takes one segment and unescapes it fully: %2F is data of the segment. This
//     is true in {name=shelves/*} too, although http.proto does not unescape %2F
//     there.
//   - `**` takes one segment or more and keeps the escapes of reserved characters
//     (RFC 6570 §1.5). Only at the root, in "/**", it can take none.
//   - A literal in a variable has the value that the template writes.
//
// It differs on purpose where a path would mean two things to ServeMux:
//
//   - An empty segment matches nothing, so "/v1/x/" and "//v1/x" are not found. In
//     ServeMux they match a wildcard with an empty value.
//   - "." and "..", escaped or not, match nothing, not even before a verb: clients
//     and proxies remove them (RFC 3986 §5.2.4), so a client that sends one does so
//     on purpose.
//   - A value with a control byte or invalid UTF-8 is a [*PathError]: no header or
//     log should contain the former, and no proto string can contain the latter.
//   - Literals and verbs are compared after unescaping, because "/v1/%65ntities" and
//     "/v1/entities" are one URI (RFC 3986 §6.2.2.2). ServeMux compares bytes, but it
//     agrees if it gets the path that Expand makes from the params.
package route
