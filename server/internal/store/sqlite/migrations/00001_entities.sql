-- +goose Up

-- The number of the last write. It only goes up, so that no version is used twice.
CREATE TABLE revision (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
) STRICT;

INSERT INTO revision (one, value) VALUES (1, 0);

-- Times are in microseconds since 1970, here and everywhere else.
CREATE TABLE entities (
    id TEXT NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL,
    group_name TEXT NOT NULL,
    attributes TEXT NOT NULL,
    version INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;

-- A page of one group is read from here in order.
CREATE INDEX entities_by_group ON entities (group_name, id);
