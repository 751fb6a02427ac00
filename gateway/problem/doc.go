// Package problem reads an error of the gateway back into the gRPC status that it was
// made of, for clients in Go that speak HTTP.
//
// [FromResponse] returns an [*Error], which is a gRPC error too: status.FromError,
// status.Code and whatever else looks for GRPCStatus work on it, so that a program which
// moves from gRPC to HTTP, or has both, keeps the code that handles its errors.
//
// All three shapes of an error body are read: application/problem+json, google.rpc.Status
// and the error of AIP-193. What the gateway has sent comes back whole: code, message and
// every detail, also one of a type that the gateway did not know (but for the forms of
// which jsoncodec.MarshalAny says that they look alike). What it does not send cannot:
// DebugInfo, what a policy redacts of a 5xx, and which of the numbers above 16 a
// code was, which is UNKNOWN. The message is the text that was sent: in the client's
// language where the error had one for it, and the backend's own detail where it stated a
// statusway.v1.Problem with one.
//
// An error that is not the gateway's, such as one of a proxy before it, has a status as
// well: by its HTTP status, as gRPC itself has it.
package problem
