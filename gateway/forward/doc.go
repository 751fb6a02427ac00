// Package forward is what both backends do around a call, whatever makes it: which
// part of a request goes on to the gRPC server as metadata, which part of its answer
// comes back, and what is said of a request that cannot be read. It lives once so
// that the two backends cannot differ.
//
// Both directions are allow-lists. Nothing that a client sends becomes metadata, and
// nothing that a backend sends becomes a header field, unless it is named. A few keys
// of response metadata mean something by themselves, and are named in
// statusway/v1/annotations.proto: which success it is, what an error's details would
// say, and the caller's allowance at the backend.
package forward
