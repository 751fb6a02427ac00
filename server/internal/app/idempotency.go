package app

import (
	"context"

	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/server/internal/entity"
)

// keys is the store's part for idempotency keys, as the gateway wants it.
type keys struct{ store entity.IdempotencyStore }

var _ middleware.IdempotencyStore = keys{}

// Claim implements middleware.IdempotencyStore.
func (k keys) Claim(ctx context.Context, claim middleware.Claim) (middleware.Kept, error) {
	kept, err := k.store.ClaimKey(ctx, keyClaim(claim))
	if err != nil {
		return middleware.Kept{}, failureOf(err)
	}
	return middleware.Kept{Claimed: kept.Claimed, Fingerprint: kept.Fingerprint, Result: kept.Result}, nil
}

// Complete implements middleware.IdempotencyStore.
func (k keys) Complete(ctx context.Context, claim middleware.Claim, result []byte) error {
	return k.store.CompleteKey(ctx, keyClaim(claim), result)
}

// Release implements middleware.IdempotencyStore.
func (k keys) Release(ctx context.Context, claim middleware.Claim) error {
	return k.store.ReleaseKey(ctx, keyClaim(claim))
}

func keyClaim(claim middleware.Claim) entity.KeyClaim {
	return entity.KeyClaim{
		Key: claim.Key, Fingerprint: claim.Fingerprint, Holder: claim.Holder, Lease: claim.Lease, Lifetime: claim.Lifetime,
	}
}
