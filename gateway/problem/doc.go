// Package problem converts an HTTP error response of a gateway back into the gRPC status, for Go
// clients that use HTTP.
//
// [FromResponse] returns an [*Error], which is also a gRPC error: status.FromError and status.Code
// work on it. A program that moves from gRPC to HTTP, or uses both, can keep its error handling.
//
// The package reads all three formats of an error body: application/problem+json, google.rpc.Status
// and the error of AIP-193. The result contains the code, the message and all details, even details
// of types that the gateway does not know, with the exceptions that jsoncodec.MarshalAny lists. It
// does not contain what the gateway does not send: DebugInfo and the parts of a 5xx that the policy
// redacts. A code above 16 becomes UNKNOWN. The message is in the client's language if the error
// contained a translation, or the detail of the backend's statusway.v1.Problem.
//
// An error that does not come from a gateway, such as an error of a proxy, gets the gRPC code that
// gRPC defines for its HTTP status.
package problem
