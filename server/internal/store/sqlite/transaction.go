package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/statusway/statusway/server/internal/entity"
)

// primaryCode masks the extended part of a result code.
const primaryCode = 0xff

// write runs do in a transaction that has the write lock from its start.
func (s *Store) write(ctx context.Context, what string, do func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, what, err)
	}
	// After a commit it does nothing; after a panic in do it frees the connection.
	defer func() { _ = tx.Rollback() }()
	if err := do(tx); err != nil {
		return translate(ctx, what, err)
	}

	return translate(ctx, what, tx.Commit())
}

// nextRevision returns a number that no write has had. It follows the clock, so
// that it is not used again either after a backup was restored, or in a new
// database under an old URL: a tag that a client has kept never comes to mean
// something else.
func (s *Store) nextRevision(ctx context.Context, tx *sql.Tx) (int64, error) {
	var revision int64
	err := tx.QueryRowContext(ctx,
		"UPDATE revision SET value = max(value + 1, ?) RETURNING value", s.now().UnixMicro()).Scan(&revision)
	if err != nil {
		return 0, fmt.Errorf("next revision: %w", err)
	}

	return revision, nil
}

// translate keeps driver errors in this package: it returns an *entity.Error, the error
// of the context, or the caller's own error. It looks at codes, because the texts belong
// to SQLite.
func translate(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	var known *entity.Error
	if errors.As(err, &known) || errors.Is(err, entity.ErrLeaseLost) {
		return err
	}
	// A statement that its context has stopped fails in ways of its own, such as
	// SQLITE_INTERRUPT or sql.ErrTxDone.
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", what, ended)
	}
	cause := fmt.Errorf("%s: %w", what, err)
	switch code(err) & primaryCode {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return entity.StoreBusy(cause)
	default:
		return entity.StoreFailed(cause)
	}
}

// isTaken reports whether a row with the same key exists.
func isTaken(err error) bool {
	return code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// isOrphan reports whether a row that is referred to does not exist.
func isOrphan(err error) bool { return code(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY }

// code returns the extended result code; 0 for an error that has none.
func code(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}

	return failure.Code()
}

// row is an sql.Row or sql.Rows.
type row interface {
	Scan(into ...any) error
}

// fromMicros reads a stored time.
func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
