// Package route reads the path templates of google.api.http and finds, among
// many, the one that a request's path belongs to.
//
// [Parse] reads one template, [Template.Expand] makes a path from it, and [Index]
// looks paths up. All three are pure: strings in, values out.
//
// # Which template wins
//
// Not the one that was registered last, as in grpc-gateway, but the most specific:
// a template with a verb before one without; then, from left to right, a literal
// before `*` before `**`. Matching goes back when a choice leads nowhere, so a
// match is found if there is one. Methods are apart: a template that has not got
// the method does not hide a less specific one that has.
//
// # Agreement with grpc-gateway
//
// The same contract is also served by generated grpc-gateway handlers, so template
// and values are those of its runtime.ServeMux with UnescapingModeAllExceptReserved
// and WithStrictDeepWildcardMatching, URL.RawPath being URL.EscapedPath(). What
// follows from that:
//
//   - `*` takes one segment and unescapes it fully: %2F is data of the segment.
//     This holds inside {name=shelves/*} too, although http.proto would have %2F
//     left alone there.
//   - `**` takes one segment or more and leaves the escapes of reserved characters
//     (RFC 6570 §1.5) as they were written. Only at the root, in "/**", may it take
//     none.
//   - A literal inside a variable has the value that the template writes.
//
// It differs from ServeMux on purpose where ServeMux would let a path mean two
// things:
//
//   - An empty segment matches nothing, so "/v1/x/" and "//v1/x" are not found.
//     ServeMux gives them to a wildcard with an empty value.
//   - "." and "..", escaped or not, match nothing, not even before a verb: clients
//     and proxies remove them (RFC 3986 §5.2.4), so whoever sends one did so on
//     purpose.
//   - A value with a control byte or invalid UTF-8 is a [*PathError]: no header or
//     log should hold the one, and no proto string can hold the other.
//   - Literals and verbs are compared after unescaping, because "/v1/%65ntities" and
//     "/v1/entities" are one URI (RFC 3986 §6.2.2.2). ServeMux compares bytes; hand
//     it the path that Expand makes of the params, where it can, and it agrees.
package route
