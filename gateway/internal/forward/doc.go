// Package forward decides which part of a request goes on to the gRPC server as
// metadata, and which part of the server's metadata comes back. Both backends use it, so
// they cannot differ.
//
// Both directions are allow-lists. Nothing that a client sends becomes metadata, and
// nothing that a backend sends becomes a header field, unless it is named. A few keys
// of response metadata mean something by themselves, and are named in
// statusway/v1/annotations.proto: which success it is, what an error's details would
// say, and the caller's allowance at the backend.
package forward
