package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maragu.dev/goqite"

	"github.com/statusway/statusway/server/internal/entity"
)

// importQueue is the name of the queue. It is stored.
const importQueue = "imports"

const (
	claimOperation = `UPDATE operations SET attempts = attempts + 1, fence = fence + 1
		WHERE id = @id AND state = @running RETURNING attempts, fence`

	selectLeased = "SELECT " + operationColumns + " FROM operations WHERE id = @id AND fence = @fence AND state = @running"

	// Not cancel_requested: it is somebody else's.
	saveOperation = `UPDATE operations SET done = @done, created = @created, failures = @failures, state = @state,
		error = @error, update_time = @now WHERE id = @id`

	releaseOperation = `UPDATE operations SET attempts = attempts - 1, fence = fence + 1
		WHERE id = @id AND fence = @fence AND state = @running`

	selectBacklog = `SELECT count(*), coalesce(sum(total - done), 0) FROM goqite JOIN operations ON operations.id = CAST(body AS TEXT)
		WHERE queue = ?`

	selectItems = `SELECT item_index, id, display_name, group_name, attributes FROM import_items
		WHERE operation_id = ? AND item_index >= ? ORDER BY item_index LIMIT ?`

	deleteItemsBefore = "DELETE FROM import_items WHERE operation_id = ? AND item_index < ?"
	deleteItems       = "DELETE FROM import_items WHERE operation_id = ?"
)

// importTx is one batch.
type importTx struct {
	store *Store
	tx    *sql.Tx
	lease entity.ImportLease
	op    entity.Operation
}

var _ entity.ImportTx = (*importTx)(nil)

// ReceiveImport implements entity.ImportQueue. It does not use the queue's own
// ReceiveAndWait, which has no room for the attempt in its transaction, and
// cannot be woken.
func (s *Store) ReceiveImport(ctx context.Context) (entity.ImportLease, error) {
	poll := time.NewTicker(s.importPoll)
	defer poll.Stop()
	for {
		lease, err := s.claimImport(ctx)
		if err != nil || lease.OperationID != "" {
			return lease, err
		}
		select {
		case <-ctx.Done():
			return entity.ImportLease{}, fmt.Errorf("receive import: %w", ctx.Err())
		case <-s.importReady:
		case <-poll.C:
		}
	}
}

// claimImport returns the zero lease when there is nothing to do.
func (s *Store) claimImport(ctx context.Context) (entity.ImportLease, error) {
	var lease entity.ImportLease
	err := s.write(ctx, "receive import", func(tx *sql.Tx) error {
		message, err := s.queue.ReceiveTx(ctx, tx)
		if err != nil || message == nil {
			return err //nolint:wrapcheck // write translates it.
		}
		claimed := entity.ImportLease{OperationID: string(message.Body), MessageID: string(message.ID)}
		err = tx.QueryRowContext(ctx, claimOperation, sql.Named("id", claimed.OperationID), running()).
			Scan(&claimed.Attempt, &claimed.Fence)
		if errors.Is(err, sql.ErrNoRows) {
			// An operation ends together with its message, so that only one which was
			// removed by hand can be missing.
			return s.queue.DeleteTx(ctx, tx, message.ID)
		}
		if err != nil {
			return err //nolint:wrapcheck // write translates it.
		}
		lease = claimed

		return nil
	})
	if err != nil {
		return entity.ImportLease{}, err
	}

	return lease, nil
}

// ImportBatch implements entity.ImportQueue.
func (s *Store) ImportBatch(
	ctx context.Context, lease entity.ImportLease, work func(context.Context, entity.ImportTx) error,
) error {
	var failure error
	err := s.write(ctx, "import batch", func(tx *sql.Tx) error {
		op, err := scanOperation(tx.QueryRowContext(ctx, selectLeased, leaseArgs(lease)...))
		if errors.Is(err, sql.ErrNoRows) {
			return entity.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		// Before the work: the end of an operation deletes the message.
		err = s.queue.ExtendTx(ctx, tx, goqite.ID(lease.MessageID), s.importTimeout)
		if err != nil {
			return err //nolint:wrapcheck // write translates it.
		}
		failure = work(ctx, &importTx{store: s, tx: tx, lease: lease, op: op})

		return failure
	})
	if failure != nil {
		return failure // As it is: it is the caller's own.
	}

	return err
}

// Backlog implements entity.ImportQueue. An operation ends together with its message, so
// that only those which have not ended are checked.
func (s *Store) Backlog(ctx context.Context) (entity.Backlog, error) {
	var backlog entity.Backlog
	err := s.reader.QueryRowContext(ctx, selectBacklog, importQueue).Scan(&backlog.Imports, &backlog.Entities)

	return backlog, translate(ctx, "import backlog", err)
}

// ReleaseImport implements entity.ImportQueue.
func (s *Store) ReleaseImport(ctx context.Context, lease entity.ImportLease) error {
	err := s.write(ctx, "release import", func(tx *sql.Tx) error {
		released, err := affected(tx.ExecContext(ctx, releaseOperation, leaseArgs(lease)...))
		if err != nil || released == 0 {
			return err
		}

		return s.queue.ExtendTx(ctx, tx, goqite.ID(lease.MessageID), 0)
	})
	if err == nil {
		s.wakeImporter()
	}

	return err
}

// wakeImporter ends the wait of one ReceiveImport.
func (s *Store) wakeImporter() {
	select {
	case s.importReady <- struct{}{}:
	default:
	}
}

// Operation implements entity.ImportTx.
func (t *importTx) Operation() entity.Operation { return t.op }

// NextItems implements entity.ImportTx. The items are numbered without a gap, so
// that the count of those done is the index of the next.
func (t *importTx) NextItems(ctx context.Context, n int) ([]entity.ImportItem, error) {
	rows, err := t.tx.QueryContext(ctx, selectItems, t.op.ID, t.op.Done, n)
	if err != nil {
		return nil, translate(ctx, "next items", err)
	}
	defer func() { _ = rows.Close() }() // Its error is that of rows.Err.
	var items []entity.ImportItem
	for rows.Next() {
		item, err := scanItem(rows)
		if err != nil {
			return nil, translate(ctx, "next items", err)
		}
		items = append(items, item)
	}

	return items, translate(ctx, "next items", rows.Err())
}

// CreateEntity implements entity.ImportTx.
func (t *importTx) CreateEntity(ctx context.Context, e entity.Entity) error {
	_, err := t.store.createEntity(ctx, t.tx, e, t.op.Scope)

	return translate(ctx, "import entity", err)
}

// SaveOperation implements entity.ImportTx.
func (t *importTx) SaveOperation(ctx context.Context, op entity.Operation) error {
	return translate(ctx, "save operation", t.save(ctx, op))
}

func (t *importTx) save(ctx context.Context, op entity.Operation) error {
	args, err := t.outcome(op)
	if err != nil {
		return err
	}
	if _, err := t.tx.ExecContext(ctx, saveOperation, args...); err != nil {
		return err //nolint:wrapcheck // SaveOperation translates it.
	}
	if !op.Ended() {
		_, err := t.tx.ExecContext(ctx, deleteItemsBefore, t.op.ID, op.Done)

		return err //nolint:wrapcheck // SaveOperation translates it.
	}
	if _, err := t.tx.ExecContext(ctx, deleteItems, t.op.ID); err != nil {
		return err //nolint:wrapcheck // SaveOperation translates it.
	}

	return t.store.queue.DeleteTx(ctx, t.tx, goqite.ID(t.lease.MessageID)) //nolint:wrapcheck // As above.
}

func (t *importTx) outcome(op entity.Operation) ([]any, error) {
	failures, err := jsonList(op.Failures)
	if err != nil {
		return nil, err
	}
	var failure any
	if op.Err != nil {
		text, err := json.Marshal(op.Err)
		if err != nil {
			return nil, fmt.Errorf("encode error: %w", err)
		}
		failure = string(text)
	}

	return []any{
		sql.Named("id", t.op.ID),
		sql.Named("done", op.Done),
		sql.Named("created", op.Created),
		sql.Named("failures", failures),
		sql.Named("state", string(op.State)),
		sql.Named("error", failure),
		sql.Named("now", t.store.now().UnixMicro()),
	}, nil
}

func scanItem(from row) (entity.ImportItem, error) {
	var item entity.ImportItem
	var attributes string
	err := from.Scan(&item.Index, &item.Entity.ID, &item.Entity.DisplayName, &item.Entity.Group, &attributes)
	if err != nil {
		return entity.ImportItem{}, fmt.Errorf("scan item: %w", err)
	}
	if item.Entity.Attributes, err = entity.DecodeAttributes(attributes); err != nil {
		return entity.ImportItem{}, fmt.Errorf("scan item %d: %w", item.Index, err)
	}

	return item, nil
}

func leaseArgs(lease entity.ImportLease) []any {
	return []any{sql.Named("id", lease.OperationID), sql.Named("fence", lease.Fence), running()}
}

func running() sql.NamedArg { return sql.Named("running", string(entity.StateRunning)) }
