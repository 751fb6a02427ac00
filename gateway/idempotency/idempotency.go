// Package idempotency defines the interface of a store for responses to requests with an
// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-06).
package idempotency

import (
	"context"
	"crypto/sha256"
	"time"
)

const (
	// Lifetime is how long the store keeps a response, counted from the arrival of the request.
	Lifetime = 24 * time.Hour
	// Lease is how long a claim holds a key after its server died.
	Lease = time.Minute
)

// Store stores the results of requests by their keys. All servers of one API must share one store.
// It is safe for concurrent use.
type Store interface {
	// Claim claims a key atomically. It succeeds if the key does not exist, if the key's lifetime
	// is over, or if an earlier claim has no result and its lease is over. If Claim returns an
	// error, the gateway does not serve the request.
	Claim(ctx context.Context, claim Claim) (Kept, error)
	// Complete stores a result until the lifetime of the claim ends. It fails if the claim no
	// longer holds the key.
	Complete(ctx context.Context, claim Claim, result []byte) error
	// Release deletes the key if the claim still holds it.
	Release(ctx context.Context, claim Claim) error
}

// Claim is the attempt of one request to claim a key.
type Claim struct {
	// Key is the digest of caller, method, path and Idempotency-Key. Fingerprint is the digest of
	// the whole request.
	Key, Fingerprint Digest
	// Holder identifies this claim. It is unique.
	Holder string
	// Lease and Lifetime count from now.
	Lease, Lifetime time.Duration
}

// Digest is a SHA-256 hash, so that a store does not contain callers and requests in plain text.
type Digest [sha256.Size]byte

// Kept is the state of a key.
type Kept struct {
	// Claimed reports whether the claim now holds the key. The other fields are zero then.
	Claimed bool
	// Fingerprint is the fingerprint of the request that holds the key.
	Fingerprint Digest
	// Result is the result of that request, or nil while it is still running.
	Result []byte
}
