-- Access keys. Owner of access_key.

-- name: key_find
-- params: key_id text
-- columns: KEY_FOUND_COL
SELECT account, secret, name, root, policy FROM access_key WHERE key_id = :key_id;

-- Replaces an older root key of the account.
-- name: key_put_root
-- params: key_id text, account text, secret bytea, created_at_ms bigint
WITH old AS (
    DELETE FROM access_key WHERE account = :account AND root AND key_id <> :key_id
)
INSERT INTO access_key (key_id, account, secret, created_at_ms, root)
VALUES (:key_id, :account, :secret, :created_at_ms, true)
ON CONFLICT (key_id) DO UPDATE
SET account = excluded.account, secret = excluded.secret, root = true, policy = NULL;

-- name: key_create
-- params: key_id text, account text, secret bytea, created_at_ms bigint, name text, policy text
INSERT INTO access_key (key_id, account, secret, created_at_ms, name, policy)
VALUES (:key_id, :account, :secret, :created_at_ms, :name, :policy);

-- No row: it does not exist, or it is the root key.
-- name: key_revoke
-- params: account text, key_id text
-- columns: none
DELETE FROM access_key WHERE account = :account AND key_id = :key_id AND NOT root RETURNING key_id;

-- No row: it does not exist, or it is the root key.
-- name: key_policy
-- params: account text, key_id text, policy text
-- columns: none
UPDATE access_key SET policy = :policy
WHERE account = :account AND key_id = :key_id AND NOT root RETURNING key_id;

-- name: key_list
-- params: account text, key_id text
-- columns: KEY_COL
SELECT key_id AS id, name, root, policy, created_at_ms FROM access_key
WHERE account = :account AND (:key_id IS NULL OR key_id = :key_id)
ORDER BY created_at_ms, key_id;
