package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/statusway/statusway/server/internal/entity"
)

const selectSessionByToken = `SELECT sessions.id, sessions.username, sessions.expire_time,
		users.name, users.role, users.group_names, users.password_hash
	FROM sessions JOIN users ON users.name = sessions.username
	WHERE sessions.token_hash = ?`

// CreateSession implements entity.SessionStore.
func (s *Store) CreateSession(ctx context.Context, session entity.Session) error {
	return s.write(ctx, "create session", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO sessions (id, username, token_hash, expire_time) VALUES (?, ?, ?, ?)",
			session.ID, session.Username, session.TokenHash[:], session.ExpireTime.UnixMicro())
		if isOrphan(err) {
			return entity.UserNotFound(session.Username)
		}

		return err //nolint:wrapcheck // write translates it.
	})
}

// SessionByToken implements entity.SessionStore.
func (s *Store) SessionByToken(ctx context.Context, token entity.TokenHash) (entity.Session, entity.User, error) {
	session := entity.Session{TokenHash: token}
	var user entity.User
	var expire int64
	var groups string
	err := s.getSession.QueryRowContext(ctx, token[:]).Scan(&session.ID, &session.Username, &expire,
		&user.Name, &user.Role, &groups, &user.PasswordHash)
	if errors.Is(err, sql.ErrNoRows) {
		return entity.Session{}, entity.User{}, entity.TokenInvalid()
	}
	if err == nil {
		user.Groups, err = decodeGroups(groups)
	}
	if err != nil {
		return entity.Session{}, entity.User{}, translate(ctx, "look up session", err)
	}
	session.ExpireTime = fromMicros(expire)
	if session.Expired(s.now()) {
		return entity.Session{}, entity.User{}, entity.TokenExpired()
	}

	return session, user, nil
}

// GetSession implements entity.SessionStore.
func (s *Store) GetSession(ctx context.Context, id string) (entity.Session, error) {
	session := entity.Session{ID: id}
	var expire int64
	var hash []byte
	err := s.reader.QueryRowContext(ctx,
		"SELECT username, token_hash, expire_time FROM sessions WHERE id = ? AND expire_time > ?", id, s.now().UnixMicro()).
		Scan(&session.Username, &hash, &expire)
	if errors.Is(err, sql.ErrNoRows) {
		return entity.Session{}, entity.SessionNotFound(id)
	}
	if err != nil {
		return entity.Session{}, translate(ctx, "get session", err)
	}
	copy(session.TokenHash[:], hash)
	session.ExpireTime = fromMicros(expire)

	return session, nil
}

// DeleteSession implements entity.SessionStore.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	return s.write(ctx, "delete session", func(tx *sql.Tx) error {
		deleted, err := affected(tx.ExecContext(ctx,
			"DELETE FROM sessions WHERE id = ? AND expire_time > ?", id, s.now().UnixMicro()))
		if err == nil && deleted == 0 {
			return entity.SessionNotFound(id)
		}

		return err
	})
}

// PurgeSessions implements entity.SessionStore.
func (s *Store) PurgeSessions(ctx context.Context) (int, error) {
	purged := 0
	err := s.write(ctx, "purge sessions", func(tx *sql.Tx) error {
		var err error
		purged, err = affected(tx.ExecContext(ctx, "DELETE FROM sessions WHERE expire_time <= ?", s.now().UnixMicro()))

		return err
	})

	return purged, err
}

// affected takes what ExecContext returns, and returns how many rows changed.
func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	rows, err := result.RowsAffected()

	return int(rows), err
}
