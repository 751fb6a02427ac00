package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"maragu.dev/goqite"

	"github.com/statusway/statusway/server/internal/entity"
)

const operationColumns = `id, owner, scope, total, done, created, failures, state, cancel_requested, error,
	create_time, update_time`

const (
	selectOperation = "SELECT " + operationColumns + " FROM operations WHERE id = ?"

	cancelOperation = `UPDATE operations SET cancel_requested = 1, update_time = @now
		WHERE id = @id AND state = @running AND NOT cancel_requested`

	insertOperation = `INSERT INTO operations (id, owner, scope, total, state, create_time, update_time)
		VALUES (@id, @owner, @scope, @total, @state, @now, @now)`

	insertItem = `INSERT INTO import_items (operation_id, item_index, id, display_name, group_name, attributes)
		VALUES (?, ?, ?, ?, ?, ?)`
)

// scopeRecord is a stored entity.Scope.
type scopeRecord struct {
	All    bool     `json:"all,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// StartImport implements entity.OperationStore: the operation, its items and its
// message are one transaction, so that no 202 is without its work, and no work
// without its 202.
func (s *Store) StartImport(ctx context.Context, spec entity.Import) (entity.Operation, error) {
	op, items := entity.NewImport(spec, s.now())
	err := s.write(ctx, "start import", func(tx *sql.Tx) error {
		if err := createOperation(ctx, tx, op); err != nil {
			return err
		}
		if err := createItems(ctx, tx, op.ID, items); err != nil {
			return err
		}

		return s.queue.SendTx(ctx, tx, goqite.Message{Body: []byte(op.ID)})
	})
	if err != nil {
		return entity.Operation{}, err
	}
	s.wakeImporter()

	return op, nil
}

// GetOperation implements entity.OperationStore.
func (s *Store) GetOperation(ctx context.Context, id string) (entity.Operation, error) {
	op, err := scanOperation(s.reader.QueryRowContext(ctx, selectOperation, id))
	if errors.Is(err, sql.ErrNoRows) {
		return entity.Operation{}, operationNotFound(id)
	}
	if err != nil {
		return entity.Operation{}, translate(ctx, "get operation", err)
	}

	return op, nil
}

// CancelOperation implements entity.OperationStore.
func (s *Store) CancelOperation(ctx context.Context, id string) (entity.Operation, error) {
	var op entity.Operation
	err := s.write(ctx, "cancel operation", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, cancelOperation, sql.Named("id", id),
			sql.Named("running", string(entity.StateRunning)), sql.Named("now", s.now().UnixMicro()))
		if err != nil {
			return err //nolint:wrapcheck // write translates it.
		}
		op, err = scanOperation(tx.QueryRowContext(ctx, selectOperation, id))
		if errors.Is(err, sql.ErrNoRows) {
			return operationNotFound(id)
		}

		return err
	})

	return op, err
}

func operationNotFound(id string) error {
	return entity.OperationNotFound(entity.Operation{ID: id}.Name())
}

func createOperation(ctx context.Context, tx *sql.Tx, op entity.Operation) error {
	scope, err := json.Marshal(scopeRecord{All: op.Scope.All(), Groups: op.Scope.Groups()})
	if err != nil {
		return fmt.Errorf("encode scope: %w", err)
	}
	_, err = tx.ExecContext(ctx, insertOperation, sql.Named("id", op.ID), sql.Named("owner", op.Owner),
		sql.Named("scope", string(scope)), sql.Named("total", op.Total), sql.Named("state", string(op.State)),
		sql.Named("now", op.CreateTime.UnixMicro()))

	return err //nolint:wrapcheck // The caller translates it.
}

func createItems(ctx context.Context, tx *sql.Tx, operation string, items []entity.ImportItem) error {
	insert, err := tx.PrepareContext(ctx, insertItem)
	if err != nil {
		return err //nolint:wrapcheck // The caller translates it.
	}
	defer func() { _ = insert.Close() }() // It ends with the transaction at the latest.
	for _, item := range items {
		attributes, err := entity.EncodeAttributes(item.Entity.Attributes)
		if err != nil {
			return err
		}
		_, err = insert.ExecContext(ctx, operation, item.Index,
			item.Entity.ID, item.Entity.DisplayName, item.Entity.Group, attributes)
		if err != nil {
			return err //nolint:wrapcheck // The caller translates it.
		}
	}

	return nil
}

func scanOperation(from row) (entity.Operation, error) {
	var op entity.Operation
	var scope, failures string
	var failure sql.NullString
	var created, updated int64
	err := from.Scan(&op.ID, &op.Owner, &scope, &op.Total, &op.Done, &op.Created, &failures, &op.State,
		&op.CancelRequested, &failure, &created, &updated)
	if err != nil {
		return entity.Operation{}, fmt.Errorf("scan operation: %w", err)
	}
	op.CreateTime, op.UpdateTime = fromMicros(created), fromMicros(updated)
	if err := decodeOperation(&op, scope, failures, failure); err != nil {
		return entity.Operation{}, fmt.Errorf("scan operation %q: %w", op.ID, err)
	}

	return op, nil
}

func decodeOperation(op *entity.Operation, scope, failures string, failure sql.NullString) error {
	var rights scopeRecord
	if err := json.Unmarshal([]byte(scope), &rights); err != nil {
		return fmt.Errorf("decode scope: %w", err)
	}
	op.Scope = entity.Within(rights.Groups...)
	if rights.All {
		op.Scope = entity.Everywhere()
	}
	if err := json.Unmarshal([]byte(failures), &op.Failures); err != nil {
		return fmt.Errorf("decode failures: %w", err)
	}
	if len(op.Failures) == 0 {
		op.Failures = nil
	}
	if !failure.Valid {
		return nil
	}
	op.Err = &entity.Error{}
	if err := json.Unmarshal([]byte(failure.String), op.Err); err != nil {
		return fmt.Errorf("decode error: %w", err)
	}

	return nil
}
