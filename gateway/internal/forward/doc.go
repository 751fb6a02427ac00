// Package forward decides which headers of a request the gateway passes to the gRPC server as metadata,
// and which metadata of the server it passes to the client. Both backends use it, so they cannot differ.
//
// Both directions are allow-lists. A few keys of response metadata have a meaning of their own; see
// statusway/v1/annotations.proto: the success status, the parts of an error's details, and the caller's
// allowance at the backend.
package forward
