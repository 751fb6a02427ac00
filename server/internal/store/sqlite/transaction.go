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

// write runs do in a transaction that has the write lock from its start. It notes
// whether the storage takes writes.
func (s *Store) write(ctx context.Context, what string, do func(*sql.Tx) error) error {
	err := translate(ctx, what, s.transact(ctx, do))
	switch {
	case errors.Is(err, entity.ErrNotWritable):
		s.refused.Store(&err)
	case err == nil:
		s.refused.Store(nil)
	}

	return err
}

// WriteFailure returns why the storage took no write the last time, or nil. The worker of
// the imports asks for work by a write, so that the answer is never old.
func (s *Store) WriteFailure() error {
	if refused := s.refused.Load(); refused != nil {
		return *refused
	}

	return nil
}

func (s *Store) transact(ctx context.Context, do func(*sql.Tx) error) error {
	conn, err := s.writeConn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err //nolint:wrapcheck // write translates it.
	}
	// After a commit it does nothing; after a panic in do it frees the connection.
	defer func() { _ = tx.Rollback() }()
	if err := do(tx); err != nil {
		return err
	}
	if s.refused.Load() != nil {
		// A transaction that changes nothing succeeds on a full disk too.
		if _, err := s.nextRevision(ctx, tx); err != nil {
			return err
		}
	}

	return tx.Commit() //nolint:wrapcheck // write translates it.
}

// writeConn waits for the connection that writes, but not for longer than for another
// process: while that holds the lock, those who wait here would wait one after the other.
func (s *Store) writeConn(ctx context.Context) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.busyTimeout)
	defer cancel()

	return s.writer.Conn(ctx) //nolint:wrapcheck // write translates it.
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
	if errors.Is(err, context.DeadlineExceeded) { // of writeConn
		return entity.StoreBusy(cause)
	}
	switch code(err) & primaryCode {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return entity.StoreBusy(cause)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return entity.StoreNotWritable(cause)
	default: // SQLITE_CORRUPT and SQLITE_NOTADB too, which do not pass
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
