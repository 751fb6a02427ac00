package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/statusway/statusway/server/internal/entity"
)

// GetMaintenance implements entity.MaintenanceStore.
func (s *Store) GetMaintenance(ctx context.Context) (entity.Maintenance, error) {
	var m entity.Maintenance
	var seconds int64
	err := s.reader.QueryRowContext(ctx, "SELECT enabled, retry_after, message FROM maintenance").
		Scan(&m.Enabled, &seconds, &m.Message)
	if errors.Is(err, sql.ErrNoRows) {
		return entity.Maintenance{}, nil
	}
	if err != nil {
		return entity.Maintenance{}, translate(ctx, "get maintenance", err)
	}
	m.RetryAfter = time.Duration(seconds) * time.Second

	return m, nil
}

// SetMaintenance implements entity.MaintenanceStore.
func (s *Store) SetMaintenance(ctx context.Context, m entity.Maintenance) error {
	return s.write(ctx, "set maintenance", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO maintenance (one, enabled, retry_after, message) VALUES (1, ?, ?, ?)
			ON CONFLICT (one) DO UPDATE
			SET enabled = excluded.enabled, retry_after = excluded.retry_after, message = excluded.message`,
			m.Enabled, int64(m.RetryAfter/time.Second), m.Message)

		return err //nolint:wrapcheck // write translates it.
	})
}
