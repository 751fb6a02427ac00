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
// # Escaped slashes
//
// Values are those of google/api/http.proto: a variable of one segment, {id} or
// {id=*}, unescapes it fully, so that %2F is data of the segment. Any other variable,
// such as {name=shelves/*} or {path=**}, unescapes all but %2F and %2f. A literal
// inside a variable has the value that the template writes. Only at the root, in
// "/**", may `**` take no segment.
//
// A client that does not know the template escapes every slash of a value:
// "/v1/shelves%2F1" for "/v1/{name=shelves/*}". So a path that matches no template of
// any method is looked up once more, with a slash for each %2F in a place where a
// variable of some template has a slash. A %2F elsewhere stays data.
//
// # Agreement with grpc-gateway
//
// Apart from that second lookup and %2F in {name=shelves/*}, templates and values are
// those of its runtime.ServeMux with UnescapingModeAllExceptSlash and
// WithStrictDeepWildcardMatching, URL.RawPath being URL.EscapedPath().
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
//     "/v1/entities" are one URI (RFC 3986 §6.2.2.2). ServeMux compares bytes.
package route
