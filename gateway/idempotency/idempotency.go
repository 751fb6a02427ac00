// Package idempotency is the interface of a store that keeps responses under the
// Idempotency-Key of their requests (draft-ietf-httpapi-idempotency-key-header-06).
package idempotency

import (
	"context"
	"crypto/sha256"
	"time"
)

const (
	// Lifetime is how long a response is kept under its key, counted from the arrival of the
	// request.
	Lifetime = 24 * time.Hour
	// Lease is how long a key is held for a request whose server died.
	Lease = time.Minute
)

// Store keeps the results of requests under their keys. All servers of one API need the same
// store. Its methods are safe for concurrent use.
type Store interface {
	// Claim takes a key in one atomic step. It succeeds if the key does not exist, if its
	// lifetime is over, or if it is held without a result for longer than its lease. On an
	// error the request is not served.
	Claim(ctx context.Context, claim Claim) (Kept, error)
	// Complete keeps a result until the lifetime of the claim ends. It fails if the claim no
	// longer holds the key.
	Complete(ctx context.Context, claim Claim, result []byte) error
	// Release frees the key if the claim still holds it.
	Release(ctx context.Context, claim Claim) error
}

// Claim is the attempt of one request to take a key.
type Claim struct {
	// Key is made of caller, method, path and Idempotency-Key, Fingerprint of the whole
	// request.
	Key, Fingerprint Digest
	// Holder identifies this claim. No two claims have the same.
	Holder string
	// Lease and Lifetime count from now.
	Lease, Lifetime time.Duration
}

// Digest is a SHA-256, so that a store does not learn who sent what.
type Digest [sha256.Size]byte

// Kept is the state of a key.
type Kept struct {
	// Claimed reports whether the claim now holds the key. The other fields are zero then.
	Claimed bool
	// Fingerprint is that of the request that took the key.
	Fingerprint Digest
	// Result is what Complete kept; nil while that request is still running.
	Result []byte
}
