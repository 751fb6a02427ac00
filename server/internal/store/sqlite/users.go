package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/statusway/statusway/server/internal/entity"
)

// CreateUser implements entity.UserStore.
func (s *Store) CreateUser(ctx context.Context, user entity.User) error {
	if err := user.Validate(); err != nil {
		return err
	}
	groups, err := jsonList(user.Groups)
	if err != nil {
		return err
	}

	return s.write(ctx, "create user", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO users (name, role, group_names, password_hash) VALUES (?, ?, ?, ?)",
			user.Name, string(user.Role), groups, user.PasswordHash)
		if isTaken(err) {
			return entity.UserExists(user.Name)
		}

		return err //nolint:wrapcheck // write translates it.
	})
}

// GetUser implements entity.UserStore.
func (s *Store) GetUser(ctx context.Context, name string) (entity.User, error) {
	var user entity.User
	var groups string
	err := s.reader.QueryRowContext(ctx, "SELECT name, role, group_names, password_hash FROM users WHERE name = ?", name).
		Scan(&user.Name, &user.Role, &groups, &user.PasswordHash)
	if errors.Is(err, sql.ErrNoRows) {
		return entity.User{}, entity.UserNotFound(name)
	}
	if err == nil {
		user.Groups, err = decodeGroups(groups)
	}
	if err != nil {
		return entity.User{}, translate(ctx, "get user", err)
	}

	return user, nil
}

// HasUsers implements entity.UserStore.
func (s *Store) HasUsers(ctx context.Context) (bool, error) {
	var has bool
	err := s.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM users)").Scan(&has)

	return has, translate(ctx, "look for users", err)
}

// decodeGroups returns nil for no groups.
func decodeGroups(text string) ([]string, error) {
	var groups []string
	if err := json.Unmarshal([]byte(text), &groups); err != nil {
		return nil, fmt.Errorf("decode groups: %w", err)
	}
	if len(groups) == 0 {
		return nil, nil
	}

	return groups, nil
}
