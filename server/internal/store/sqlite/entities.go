package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/statusway/statusway/server/internal/entity"
)

const entityColumns = "id, display_name, group_name, attributes, version, create_time, update_time"

const (
	selectEntity = "SELECT " + entityColumns + " FROM entities WHERE id = ?"

	insertEntity = `INSERT INTO entities (` + entityColumns + `)
		VALUES (@id, @display_name, @group_name, @attributes, @version, @now, @now)
		ON CONFLICT (id) DO NOTHING RETURNING ` + entityColumns

	// An empty group keeps the stored one.
	updateEntity = `UPDATE entities
		SET display_name = @display_name,
			group_name = CASE WHEN @group_name = '' THEN group_name ELSE @group_name END,
			attributes = @attributes, version = @version, update_time = @now
		WHERE id = @id` + guard + `
		RETURNING ` + entityColumns

	deleteEntity = "DELETE FROM entities WHERE id = @id" + guard + " RETURNING " + entityColumns
)

// errNoReason cannot come about within one transaction.
var errNoReason = errors.New("a write changed nothing for no known reason")

// GetEntity implements entity.EntityStore.
func (s *Store) GetEntity(ctx context.Context, id string, scope entity.Scope) (entity.Entity, error) {
	found, err := scanEntity(s.getEntity.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return entity.Entity{}, entity.EntityNotFound(id)
	}
	if err != nil {
		return entity.Entity{}, translate(ctx, "get entity", err)
	}
	if !scope.Includes(found.Group) {
		return entity.Entity{}, entity.GroupNotAllowed(found.Group)
	}

	return found, nil
}

// CreateEntity implements entity.EntityStore.
func (s *Store) CreateEntity(ctx context.Context, e entity.Entity, scope entity.Scope) (entity.Entity, error) {
	var created entity.Entity
	err := s.write(ctx, "create entity", func(tx *sql.Tx) error {
		var err error
		created, err = s.createEntity(ctx, tx, e, scope)

		return err
	})

	return created, err
}

// createEntity is CreateEntity within a transaction. None of its errors that is
// the entity's own leaves the transaction unusable.
func (s *Store) createEntity(ctx context.Context, tx *sql.Tx, e entity.Entity, scope entity.Scope) (entity.Entity, error) {
	if err := e.Validate(); err != nil {
		return entity.Entity{}, err
	}
	if !scope.Includes(e.Group) {
		return entity.Entity{}, entity.GroupNotAllowed(e.Group)
	}
	args, err := s.entityArgs(ctx, tx, e)
	if err != nil {
		return entity.Entity{}, err
	}
	created, err := scanEntity(tx.QueryRowContext(ctx, insertEntity, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return entity.Entity{}, entity.EntityExists(e.ID)
	}

	return created, err
}

// PutEntity implements entity.EntityStore.
func (s *Store) PutEntity(ctx context.Context, p entity.PutParams) (entity.Entity, bool, error) {
	if err := p.Validate(); err != nil {
		return entity.Entity{}, false, err
	}
	if p.Entity.Group != "" && !p.Scope.Includes(p.Entity.Group) {
		return entity.Entity{}, false, entity.GroupNotAllowed(p.Entity.Group)
	}
	var stored entity.Entity
	created := false
	err := s.write(ctx, "put entity", func(tx *sql.Tx) error {
		var err error
		stored, err = s.replaceEntity(ctx, tx, p)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		stored, err = s.putNewEntity(ctx, tx, p)
		created = err == nil

		return err
	})
	if err != nil {
		return entity.Entity{}, false, err
	}

	return stored, created, nil
}

// replaceEntity returns sql.ErrNoRows when the guard lets nothing through.
func (s *Store) replaceEntity(ctx context.Context, tx *sql.Tx, p entity.PutParams) (entity.Entity, error) {
	guarded, err := guardArgs(p.Scope, p.Condition)
	if err != nil {
		return entity.Entity{}, err
	}
	args, err := s.entityArgs(ctx, tx, p.Entity)
	if err != nil {
		return entity.Entity{}, err
	}

	return scanEntity(tx.QueryRowContext(ctx, updateEntity, slices.Concat(args, guarded)...))
}

// putNewEntity inserts an entity that replaceEntity did not find, or returns why it may
// not.
func (s *Store) putNewEntity(ctx context.Context, tx *sql.Tx, p entity.PutParams) (entity.Entity, error) {
	p.Entity.Group = cmp.Or(p.Entity.Group, p.DefaultGroup)
	if p.Condition.AllowsCreate() && p.Scope.Includes(p.Entity.Group) {
		created, err := s.createEntity(ctx, tx, p.Entity, p.Scope)
		if !errors.Is(err, entity.ErrExists) {
			return created, err
		}
	}

	return entity.Entity{}, putRefusal(ctx, tx, p)
}

// putRefusal returns why neither the update nor the insert changed anything.
func putRefusal(ctx context.Context, tx *sql.Tx, p entity.PutParams) error {
	current, err := currentEntity(ctx, tx, p.Entity.ID)
	if err != nil {
		return err
	}
	if current != nil {
		return refusal(*current, p.Scope, p.Condition)
	}
	if err := p.Entity.Validate(); err != nil {
		return err
	}
	if !p.Scope.Includes(p.Entity.Group) {
		return entity.GroupNotAllowed(p.Entity.Group)
	}
	if err := p.Condition.Check(p.Entity.ID, nil); err != nil {
		return err
	}

	return errNoReason
}

// UpdateEntity implements entity.EntityStore.
func (s *Store) UpdateEntity(ctx context.Context, p entity.UpdateParams) (entity.Entity, error) {
	var updated entity.Entity
	err := s.write(ctx, "update entity", func(tx *sql.Tx) error {
		current, err := currentEntity(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if current == nil {
			return entity.EntityNotFound(p.ID)
		}
		updated, err = s.patchEntity(ctx, tx, *current, p)

		return err
	})

	return updated, err
}

func (s *Store) patchEntity(
	ctx context.Context, tx *sql.Tx, current entity.Entity, p entity.UpdateParams,
) (entity.Entity, error) {
	if !p.Scope.Includes(current.Group) {
		return entity.Entity{}, entity.GroupNotAllowed(current.Group)
	}
	patched := p.Patch.Apply(current)
	if err := patched.Validate(); err != nil {
		return entity.Entity{}, err
	}
	if !p.Scope.Includes(patched.Group) {
		return entity.Entity{}, entity.GroupNotAllowed(patched.Group)
	}
	if err := p.Condition.Check(p.ID, &current); err != nil {
		return entity.Entity{}, err
	}
	// What was merged is only right for the version that was read. With that in
	// the statement the condition, which that version meets, is in it too.
	merged := entity.PutParams{
		Entity: patched, DefaultGroup: "", Scope: p.Scope, Condition: entity.Condition{ETag: current.ETag()},
	}

	return s.replaceEntity(ctx, tx, merged)
}

// DeleteEntity implements entity.EntityStore.
func (s *Store) DeleteEntity(ctx context.Context, p entity.DeleteParams) error {
	args, err := guardArgs(p.Scope, p.Condition)
	if err != nil {
		return err
	}
	args = append(args, sql.Named("id", p.ID))

	return s.write(ctx, "delete entity", func(tx *sql.Tx) error {
		_, err := scanEntity(tx.QueryRowContext(ctx, deleteEntity, args...))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		current, err := currentEntity(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if current == nil {
			return entity.EntityNotFound(p.ID)
		}

		return refusal(*current, p.Scope, p.Condition)
	})
}

// refusal returns why a guarded write of an entity that exists changed nothing: the
// scope first (RFC 9110 §13.2.1).
func refusal(current entity.Entity, scope entity.Scope, condition entity.Condition) error {
	if !scope.Includes(current.Group) {
		return entity.GroupNotAllowed(current.Group)
	}
	if err := condition.Check(current.ID, &current); err != nil {
		return err
	}

	return errNoReason
}

// currentEntity returns nil when there is none.
func currentEntity(ctx context.Context, tx *sql.Tx, id string) (*entity.Entity, error) {
	found, err := scanEntity(tx.QueryRowContext(ctx, selectEntity, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // No entity is a valid result.
	}
	if err != nil {
		return nil, err
	}

	return &found, nil
}

// entityArgs returns the parameters of insertEntity and updateEntity, with a new
// version.
func (s *Store) entityArgs(ctx context.Context, tx *sql.Tx, e entity.Entity) ([]any, error) {
	attributes, err := entity.EncodeAttributes(e.Attributes)
	if err != nil {
		return nil, err
	}
	version, err := s.nextRevision(ctx, tx)
	if err != nil {
		return nil, err
	}

	return []any{
		sql.Named("id", e.ID),
		sql.Named("display_name", e.DisplayName),
		sql.Named("group_name", e.Group),
		sql.Named("attributes", attributes),
		sql.Named("version", version),
		sql.Named("now", s.now().UnixMicro()),
	}, nil
}

func scanEntity(from row) (entity.Entity, error) {
	e, _, err := scanSized(from)

	return e, err
}

// scanSized also returns how long the attributes are as JSON.
func scanSized(from row) (entity.Entity, int, error) {
	var e entity.Entity
	var attributes string
	var created, updated int64
	if err := from.Scan(&e.ID, &e.DisplayName, &e.Group, &attributes, &e.Version, &created, &updated); err != nil {
		return entity.Entity{}, 0, fmt.Errorf("scan entity: %w", err)
	}
	e.CreateTime, e.UpdateTime = fromMicros(created), fromMicros(updated)
	var err error
	e.Attributes, err = entity.DecodeAttributes(attributes)
	if err != nil {
		return entity.Entity{}, 0, fmt.Errorf("scan entity %q: %w", e.ID, err)
	}

	return e, len(attributes), nil
}
