package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/statusway/statusway/server/internal/entity"
)

const (
	// The row of another claim is taken over in the statement that finds it free.
	claimKey = `INSERT INTO idempotency_keys AS held (key, fingerprint, holder, lease_time, expire_time)
		VALUES (@key, @fingerprint, @holder, @lease_time, @expire_time)
		ON CONFLICT (key) DO UPDATE
		SET fingerprint = excluded.fingerprint, holder = excluded.holder,
			lease_time = excluded.lease_time, expire_time = excluded.expire_time, result = NULL
		WHERE held.expire_time <= @now OR (held.result IS NULL AND held.lease_time <= @now)`

	selectKey = "SELECT fingerprint, result IS NOT NULL, result FROM idempotency_keys WHERE key = ?"

	completeKey = "UPDATE idempotency_keys SET result = ? WHERE key = ? AND holder = ? AND result IS NULL"

	releaseKey = "DELETE FROM idempotency_keys WHERE key = ? AND holder = ? AND result IS NULL"

	purgeKeys = "DELETE FROM idempotency_keys WHERE expire_time <= @now OR (result IS NULL AND lease_time <= @now)"
)

// ClaimKey implements entity.IdempotencyStore.
func (s *Store) ClaimKey(ctx context.Context, claim entity.KeyClaim) (entity.KeptKey, error) {
	var kept entity.KeptKey
	err := s.write(ctx, "claim key", func(tx *sql.Tx) error {
		now := s.now()
		claimed, err := affected(tx.ExecContext(ctx, claimKey,
			sql.Named("key", claim.Key[:]), sql.Named("fingerprint", claim.Fingerprint[:]), sql.Named("holder", claim.Holder),
			sql.Named("lease_time", now.Add(claim.Lease).UnixMicro()), sql.Named("expire_time", now.Add(claim.Lifetime).UnixMicro()),
			sql.Named("now", now.UnixMicro())))
		if err != nil || claimed > 0 {
			kept.Claimed = claimed > 0

			return err
		}
		kept, err = scanKey(tx.QueryRowContext(ctx, selectKey, claim.Key[:]))

		return err
	})
	if err != nil {
		return entity.KeptKey{}, err
	}

	return kept, nil
}

func scanKey(from row) (entity.KeptKey, error) {
	var kept entity.KeptKey
	var fingerprint []byte
	complete := false
	if err := from.Scan(&fingerprint, &complete, &kept.Result); err != nil {
		return entity.KeptKey{}, err
	}
	if len(fingerprint) != len(kept.Fingerprint) {
		return entity.KeptKey{}, errors.New("a fingerprint of another length")
	}
	copy(kept.Fingerprint[:], fingerprint)
	if complete && kept.Result == nil {
		kept.Result = []byte{} // The driver makes no difference between NULL and nothing.
	}

	return kept, nil
}

// CompleteKey implements entity.IdempotencyStore.
func (s *Store) CompleteKey(ctx context.Context, claim entity.KeyClaim, result []byte) error {
	if result == nil {
		result = []byte{} // NULL would say that there is none yet.
	}
	completed := 0
	err := s.write(ctx, "complete key", func(tx *sql.Tx) error {
		var err error
		completed, err = affected(tx.ExecContext(ctx, completeKey, result, claim.Key[:], claim.Holder))

		return err
	})
	if err == nil && completed == 0 {
		return entity.ErrKeyLost
	}

	return err
}

// ReleaseKey implements entity.IdempotencyStore.
func (s *Store) ReleaseKey(ctx context.Context, claim entity.KeyClaim) error {
	return s.write(ctx, "release key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, releaseKey, claim.Key[:], claim.Holder)

		return err //nolint:wrapcheck // write translates it.
	})
}

// PurgeKeys implements entity.IdempotencyStore.
func (s *Store) PurgeKeys(ctx context.Context) (int, error) {
	purged := 0
	err := s.write(ctx, "purge keys", func(tx *sql.Tx) error {
		var err error
		purged, err = affected(tx.ExecContext(ctx, purgeKeys, sql.Named("now", s.now().UnixMicro())))

		return err
	})

	return purged, err
}
