package policy

import "google.golang.org/grpc/codes"

// Domain is the ErrorInfo domain of the reasons below. It is the name of the proto package that
// defines the contract. A backend may use these reasons too.
const Domain = "statusway.v1"

// Reasons are keys for the rules of a policy that are more specific than gRPC codes. Unlike an HTTP
// status, a reason survives gRPC hops. The comment of each reason names its gRPC code. Both built-in
// policies have a rule for each reason except the last seven, for which the rule of the code
// decides.
const (
	// ReasonRouteNotFound: no route has this path. NOT_FOUND.
	ReasonRouteNotFound = "ROUTE_NOT_FOUND"
	// ReasonMethodNotAllowed: the path has routes, but not for this method. UNIMPLEMENTED.
	ReasonMethodNotAllowed = "METHOD_NOT_ALLOWED"
	// ReasonRetired: the API version or method is past its sunset. FAILED_PRECONDITION.
	ReasonRetired = "API_VERSION_RETIRED"
	// ReasonRequestTooLarge: the body, or the gRPC message made of it, is over the limit. RESOURCE_EXHAUSTED.
	ReasonRequestTooLarge = "REQUEST_TOO_LARGE"
	// ReasonBodyNotAllowed: the request has a body with content, and the method takes none. INVALID_ARGUMENT.
	ReasonBodyNotAllowed = "BODY_NOT_ALLOWED"
	// ReasonHeaderTooLarge: the request's target and headers are over the limit. RESOURCE_EXHAUSTED.
	ReasonHeaderTooLarge = "HEADER_TOO_LARGE"
	// ReasonResponseTooLarge: the backend's message is over the limit; the client did nothing wrong. RESOURCE_EXHAUSTED.
	ReasonResponseTooLarge = "RESPONSE_TOO_LARGE"
	// ReasonUnsupportedMediaType: the resource does not accept the Content-Type. INVALID_ARGUMENT.
	ReasonUnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
	// ReasonUnsupportedCoding: the server does not support the Content-Encoding. INVALID_ARGUMENT.
	ReasonUnsupportedCoding = "UNSUPPORTED_CONTENT_CODING"
	// ReasonNotAcceptable: Accept allows none of the media types that the resource can send. INVALID_ARGUMENT.
	ReasonNotAcceptable = "NOT_ACCEPTABLE"
	// ReasonExpectationFailed: Expect asks for something unknown. INVALID_ARGUMENT.
	ReasonExpectationFailed = "EXPECTATION_FAILED"
	// ReasonPreconditionFailed: If-Match, If-None-Match or a date condition is false. ABORTED.
	ReasonPreconditionFailed = "PRECONDITION_FAILED"
	// ReasonPreconditionUnsupported: the method cannot evaluate the condition that was sent. INVALID_ARGUMENT.
	ReasonPreconditionUnsupported = "PRECONDITION_UNSUPPORTED"
	// ReasonKeyUnsupported: the method does not honour the Idempotency-Key that was sent. INVALID_ARGUMENT.
	ReasonKeyUnsupported = "IDEMPOTENCY_KEY_UNSUPPORTED"
	// ReasonKeyMissing: the method needs an Idempotency-Key. INVALID_ARGUMENT.
	ReasonKeyMissing = "IDEMPOTENCY_KEY_MISSING"
	// ReasonKeyReused: a different request used the same Idempotency-Key before. INVALID_ARGUMENT.
	ReasonKeyReused = "IDEMPOTENCY_KEY_REUSED"
	// ReasonKeyInUse: the first request with the same Idempotency-Key is still running. ABORTED.
	ReasonKeyInUse = "IDEMPOTENCY_KEY_IN_USE"
	// ReasonRateLimited: the caller's allowance for the period is used up. RESOURCE_EXHAUSTED.
	ReasonRateLimited = "RATE_LIMITED"
	// ReasonConcurrencyLimited: the caller has too many requests running at once. RESOURCE_EXHAUSTED.
	ReasonConcurrencyLimited = "CONCURRENCY_LIMITED"
	// ReasonOverloaded: the server has more requests than it can serve. UNAVAILABLE.
	ReasonOverloaded = "SERVICE_OVERLOADED"
	// ReasonDraining: the server is stopping. UNAVAILABLE.
	ReasonDraining = "SERVICE_DRAINING"
	// ReasonMaintenance: the API is closed for maintenance. UNAVAILABLE.
	ReasonMaintenance = "SERVICE_IN_MAINTENANCE"
	// ReasonReadOnly: the service cannot store anything at the moment, as on a full disk; reads go on. UNAVAILABLE.
	ReasonReadOnly = "SERVICE_READ_ONLY"
	// ReasonMalformedRequest: the bytes are not a valid HTTP request. INVALID_ARGUMENT.
	ReasonMalformedRequest = "MALFORMED_REQUEST"
	// ReasonTransferCodingUnsupported: the server does not support the Transfer-Encoding. UNIMPLEMENTED.
	ReasonTransferCodingUnsupported = "TRANSFER_CODING_UNSUPPORTED"
	// ReasonVersionUnsupported: the server does not support the HTTP version. UNIMPLEMENTED.
	ReasonVersionUnsupported = "HTTP_VERSION_UNSUPPORTED"
	// ReasonAuthorizationRepeated: the request contains credentials more than once. UNAUTHENTICATED.
	ReasonAuthorizationRepeated = "AUTHORIZATION_REPEATED"
	// ReasonBackendPending: a gRPC server has not been reached yet, so its routes are not known. UNAVAILABLE.
	ReasonBackendPending = "BACKEND_PENDING"
	// ReasonBackendUnreachable: a gRPC server that was reached before cannot be reached now. UNAVAILABLE.
	ReasonBackendUnreachable = "BACKEND_UNREACHABLE"
	// ReasonClientClosed: the client left before the response was complete. CANCELLED.
	ReasonClientClosed = "CLIENT_CLOSED"
	// ReasonInvalidArgument: a part of the request is malformed. INVALID_ARGUMENT.
	ReasonInvalidArgument = "INVALID_ARGUMENT"
	// ReasonReservedHeader: the request sets a header that only the gateway may set. INVALID_ARGUMENT.
	ReasonReservedHeader = "RESERVED_HEADER"
	// ReasonInternal: the server failed. INTERNAL.
	ReasonInternal = "INTERNAL"
)

// CodeOf returns the gRPC code of one of the reasons above, and INVALID_ARGUMENT for any other.
func CodeOf(reason string) codes.Code {
	switch reason {
	case ReasonRouteNotFound:
		return codes.NotFound
	case ReasonMethodNotAllowed, ReasonTransferCodingUnsupported, ReasonVersionUnsupported:
		return codes.Unimplemented
	case ReasonAuthorizationRepeated:
		return codes.Unauthenticated
	case ReasonClientClosed:
		return codes.Canceled
	case ReasonRetired:
		return codes.FailedPrecondition
	case ReasonRequestTooLarge, ReasonHeaderTooLarge, ReasonResponseTooLarge, ReasonRateLimited, ReasonConcurrencyLimited:
		return codes.ResourceExhausted
	case ReasonPreconditionFailed, ReasonKeyInUse:
		return codes.Aborted
	case ReasonOverloaded, ReasonDraining, ReasonMaintenance, ReasonReadOnly, ReasonBackendPending, ReasonBackendUnreachable:
		return codes.Unavailable
	case ReasonInternal:
		return codes.Internal
	default:
		return codes.InvalidArgument
	}
}

// Reasons returns all reasons above.
func Reasons() []string {
	return []string{
		ReasonRouteNotFound, ReasonMethodNotAllowed, ReasonRetired, ReasonRequestTooLarge, ReasonBodyNotAllowed, ReasonHeaderTooLarge,
		ReasonResponseTooLarge, ReasonUnsupportedMediaType, ReasonUnsupportedCoding, ReasonNotAcceptable,
		ReasonExpectationFailed, ReasonPreconditionFailed, ReasonPreconditionUnsupported, ReasonKeyUnsupported,
		ReasonKeyMissing, ReasonKeyReused, ReasonKeyInUse, ReasonRateLimited, ReasonConcurrencyLimited, ReasonOverloaded,
		ReasonDraining, ReasonMaintenance, ReasonReadOnly, ReasonMalformedRequest, ReasonTransferCodingUnsupported,
		ReasonVersionUnsupported, ReasonAuthorizationRepeated, ReasonBackendPending, ReasonBackendUnreachable, ReasonClientClosed,
		ReasonInvalidArgument, ReasonReservedHeader, ReasonInternal,
	}
}
