-- +goose Up

CREATE TABLE maintenance (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    enabled INTEGER NOT NULL,
    retry_after INTEGER NOT NULL,
    message TEXT NOT NULL
) STRICT;
