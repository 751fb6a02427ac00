package contract

import statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"

// IdempotencyKey says how a method treats an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header-06).
type IdempotencyKey int

// The zero value is for every method that declares nothing.
const (
	// KeyUnsupported: a write with a key is refused.
	KeyUnsupported IdempotencyKey = iota
	// KeyOptional: a key is honoured if it is sent.
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
		r.failf(method.Descriptor, "idempotency_key: %d is not a value that this gateway knows", declared.GetIdempotencyKey())
		return
	}
	r.requireUnaryWrite(method, "idempotency_key")
	if method.Anonymous {
		// Callers with the same address would get each other's responses.
		r.failf(method.Descriptor, "idempotency_key is not allowed for an anonymous method: a stored response belongs to a known caller")
	}
}
