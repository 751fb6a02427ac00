package contract

import statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"

// IdempotencyKey is what a method does with an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header-06).
type IdempotencyKey int

// The zero value is for every method that declares nothing.
const (
	// KeyUnsupported: a writing request that has one is refused.
	KeyUnsupported IdempotencyKey = iota
	// KeyOptional: it is honoured where it is sent.
	KeyOptional
	// KeyRequired: a request without one is refused.
	KeyRequired
)

func (r *reader) idempotencyKey(method *Method, declared *statuswayv1.MethodSemantics) {
	switch declared.GetIdempotencyKey() {
	case statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_UNSPECIFIED:
		return
	case statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_OPTIONAL:
		method.IdempotencyKey = KeyOptional
	case statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_REQUIRED:
		method.IdempotencyKey = KeyRequired
	default:
		r.failf(method.Descriptor, "idempotency_key: %d is nothing that this gateway knows", declared.GetIdempotencyKey())
		return
	}
	r.wholeWrite(method, "idempotency_key")
	if method.Anonymous {
		// By its address alone a caller would be given what its neighbour was answered.
		r.failf(method.Descriptor, "idempotency_key is not for an anonymous method: a kept answer belongs to a caller who is known")
	}
}
