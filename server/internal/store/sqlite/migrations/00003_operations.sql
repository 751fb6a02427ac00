-- +goose Up

-- The owner is no foreign key: an operation outlives its user.
CREATE TABLE operations (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    scope TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;

-- An item goes as soon as it is dealt with.
CREATE TABLE import_items (
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    item_index INTEGER NOT NULL,
    id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    group_name TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (operation_id, item_index)
) STRICT;
