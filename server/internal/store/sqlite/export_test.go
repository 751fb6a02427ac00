package sqlite

import (
	"context"
	"fmt"

	"github.com/statusway/statusway/server/internal/entity"
)

// PagePlan returns how SQLite reads a page of the scope, a line for each step.
func (s *Store) PagePlan(ctx context.Context, scope entity.Scope) ([]string, error) {
	query, args, err := pageQuery(scope)
	if err != nil {
		return nil, err
	}
	rows, err := s.reader.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, append(args, pageStart("", 1)...)...)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return nil, fmt.Errorf("explain: %w", err)
		}
		plan = append(plan, detail)
	}

	return plan, rows.Err()
}

// Write runs a statement of the test on the connection that writes.
func (s *Store) Write(ctx context.Context, statement string) error {
	_, err := s.writer.ExecContext(ctx, statement)

	return err
}

// WriteByReader runs a statement of the test on a connection that reads.
func (s *Store) WriteByReader(ctx context.Context, statement string) error {
	_, err := s.reader.ExecContext(ctx, statement)

	return err
}

// Setting returns a PRAGMA of the connection that writes.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	var value string
	err := s.writer.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)

	return value, err
}
