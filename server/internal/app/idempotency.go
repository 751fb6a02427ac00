package app

import (
	"context"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/server/internal/entity"
)

// keys is the store's part for idempotency keys, as the gateway wants it.
type keys struct{ store entity.IdempotencyStore }

var _ idempotency.Store = keys{}

// Claim implements idempotency.Store.
func (k keys) Claim(ctx context.Context, claim idempotency.Claim) (idempotency.Kept, error) {
	kept, err := k.store.ClaimKey(ctx, keyClaim(claim))
	if err != nil {
		return idempotency.Kept{}, failureOf(err)
	}
	return idempotency.Kept{Claimed: kept.Claimed, Fingerprint: kept.Fingerprint, Result: kept.Result}, nil
}

// Complete implements idempotency.Store.
func (k keys) Complete(ctx context.Context, claim idempotency.Claim, result []byte) error {
	return k.store.CompleteKey(ctx, keyClaim(claim), result)
}

// Release implements idempotency.Store.
func (k keys) Release(ctx context.Context, claim idempotency.Claim) error {
	return k.store.ReleaseKey(ctx, keyClaim(claim))
}

func keyClaim(claim idempotency.Claim) entity.KeyClaim {
	return entity.KeyClaim{
		Key: claim.Key, Fingerprint: claim.Fingerprint, Holder: claim.Holder, Lease: claim.Lease, Lifetime: claim.Lifetime,
	}
}
