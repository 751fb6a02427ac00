package sqlite

import (
	"context"
	"database/sql"
	"iter"

	"github.com/statusway/statusway/server/internal/entity"
)

// exportPage is how many entities an export has in memory.
const exportPage = 200

const (
	pageEverywhere = "SELECT " + entityColumns + " FROM entities WHERE id > @after ORDER BY id LIMIT @limit"

	// One group is read in order from its index.
	pageOfGroup = "SELECT " + entityColumns + ` FROM entities
		WHERE group_name = @group AND id > @after ORDER BY id LIMIT @limit`

	// The + keeps SQLite from that index: with several groups it would read them
	// to their ends, and sort, for each page.
	pageWithin = "SELECT " + entityColumns + ` FROM entities
		WHERE +group_name IN (SELECT value FROM json_each(@groups)) AND id > @after ORDER BY id LIMIT @limit`
)

// ListEntities implements entity.EntityStore.
func (s *Store) ListEntities(ctx context.Context, p entity.ListParams) (entity.Page, error) {
	scope, err := narrow(p.Scope, p.Group)
	if err != nil {
		return entity.Page{}, err
	}
	after, err := entity.DecodePageToken(p.Group, p.PageToken)
	if err != nil {
		return entity.Page{}, err
	}
	size := entity.ClampPageSize(p.PageSize)
	// One more entity than requested shows whether there is a next page.
	found, isCut, err := s.entitiesAfter(ctx, scope, after, size+1)
	if err != nil {
		return entity.Page{}, translate(ctx, "list entities", err)
	}
	if isCut {
		size = len(found) - 1
	}

	return entity.NewPage(found, size, p.Group), nil
}

// ExportEntities implements entity.EntityStore.
func (s *Store) ExportEntities(ctx context.Context, group string, scope entity.Scope) iter.Seq2[entity.Entity, error] {
	return func(yield func(entity.Entity, error) bool) {
		scope, err := narrow(scope, group)
		if err != nil {
			yield(entity.Entity{}, err)

			return
		}
		for after, more := "", true; more; {
			page, isCut, err := s.entitiesAfter(ctx, scope, after, exportPage)
			if err != nil {
				yield(entity.Entity{}, translate(ctx, "export entities", err))

				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				after = e.ID
			}
			more = isCut || len(page) == exportPage
		}
	}
}

// narrow returns the part of the scope that the filter leaves.
func narrow(scope entity.Scope, group string) (entity.Scope, error) {
	if group == "" {
		return scope, nil
	}
	if !scope.Includes(group) {
		return entity.Scope{}, entity.GroupNotAllowed(group)
	}

	return entity.Within(group), nil
}

// entitiesAfter returns at most limit entities. It stops earlier, and returns true, once
// they have more than entity.MaxPageBytes of attributes, but not at the first entity.
func (s *Store) entitiesAfter(
	ctx context.Context, scope entity.Scope, after string, limit int,
) (found []entity.Entity, isCut bool, err error) {
	query, args, err := pageQuery(scope)
	if err != nil {
		return nil, false, err
	}
	rows, err := s.reader.QueryContext(ctx, query, append(args, pageStart(after, limit)...)...)
	if err != nil {
		return nil, false, err //nolint:wrapcheck // The callers translate it.
	}
	defer func() { _ = rows.Close() }() // Its error is that of rows.Err.
	bytes := 0
	for !isCut && rows.Next() {
		e, size, err := scanSized(rows)
		if err != nil {
			return nil, false, err
		}
		found = append(found, e)
		bytes += size
		isCut = bytes > entity.MaxPageBytes && len(found) > 1
	}

	return found, isCut, rows.Err() //nolint:wrapcheck // The callers translate it.
}

func pageStart(after string, limit int) []any {
	return []any{sql.Named("after", after), sql.Named("limit", limit)}
}

func pageQuery(scope entity.Scope) (string, []any, error) {
	groups := scope.Groups()
	if scope.All() {
		return pageEverywhere, nil, nil
	}
	if len(groups) == 1 {
		return pageOfGroup, []any{sql.Named("group", groups[0])}, nil
	}
	list, err := jsonList(groups)
	if err != nil {
		return "", nil, err
	}

	return pageWithin, []any{sql.Named("groups", list)}, nil
}
