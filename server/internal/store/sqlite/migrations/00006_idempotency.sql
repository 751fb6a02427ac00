-- +goose Up

-- What came of a request with an Idempotency-Key; NULL while it is being answered.
-- The key is a digest, so that a row does not say who sent it.
CREATE TABLE idempotency_keys (
    key BLOB NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    holder TEXT NOT NULL,
    lease_time INTEGER NOT NULL,
    expire_time INTEGER NOT NULL,
    result BLOB
) STRICT;

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expire_time);
