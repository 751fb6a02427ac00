-- +goose Up

CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    group_names TEXT NOT NULL,
    password_hash TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE,
    expire_time INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_user ON sessions (username);
CREATE INDEX sessions_by_expiry ON sessions (expire_time);
