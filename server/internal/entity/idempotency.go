package entity

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// ErrKeyLost reports that an idempotency key is no longer the claim's: its lease ran
// out and another has it.
var ErrKeyLost = errors.New("idempotency key lost")

// IdempotencyStore keeps what came of requests, by digests of their idempotency keys.
type IdempotencyStore interface {
	// ClaimKey takes a key that is not there, whose lifetime is over, or whose lease is
	// over without a result. It is one statement: of many claims at once one succeeds.
	ClaimKey(ctx context.Context, claim KeyClaim) (KeptKey, error)
	// CompleteKey stores the result of the claim that has the key, else ErrKeyLost. A
	// second result is ErrKeyLost too.
	CompleteKey(ctx context.Context, claim KeyClaim, result []byte) error
	// ReleaseKey removes the key if it belongs to the claim and has no result.
	ReleaseKey(ctx context.Context, claim KeyClaim) error
	// PurgeKeys removes what ClaimKey would take, and returns how many.
	PurgeKeys(ctx context.Context) (int, error)
}

// KeyClaim is a request that wants its idempotency key.
type KeyClaim struct {
	// Key is the hash of the caller, the method, the path and the key; Fingerprint is the
	// hash of the request.
	Key, Fingerprint [sha256.Size]byte
	// Holder is unique to the claim.
	Holder string
	// Lease is how long the key is held without a result, Lifetime how long it is kept
	// with one. Both count from the claim.
	Lease, Lifetime time.Duration
}

// KeptKey is the state of an idempotency key.
type KeptKey struct {
	// Claimed means that the claim now owns the key; then no other field is set.
	Claimed bool
	// Fingerprint is that of the claim that has the key.
	Fingerprint [sha256.Size]byte
	// Result is nil until the key is complete.
	Result []byte
}
