-- Job definitions. Owner of job_definition.

-- fragment: definitions
SELECT id, name, revision, active, body FROM job_definition
WHERE account = :account AND region = :region;

-- Registrations of one name wait for each other.
-- name: definition_serial
-- params: account text, region text, name text
-- columns: none
SELECT pg_advisory_xact_lock(hashtextextended(:account || ' ' || :region || ' ' || :name,
    :OB_LOCK_DEFINITION));

-- name: definition_insert
-- params: account text, region text, name text, body text, created_at_ms bigint
-- columns: NEW_DEFINITION_COL
INSERT INTO job_definition (account, region, name, revision, body, created_at_ms)
SELECT :account, :region, :name,
    coalesce((SELECT max(revision) FROM job_definition
              WHERE account = :account AND region = :region AND name = :name), 0) + 1,
    :body, :created_at_ms
RETURNING revision;

-- name: definition_latest
-- params: account text, region text, name text, active_only boolean
-- columns: DEF_COL
{{definitions}} AND name = :name AND (active OR NOT :active_only) ORDER BY revision DESC LIMIT 1;

-- name: definition_exact
-- params: account text, region text, name text, revision int
-- columns: DEF_COL
{{definitions}} AND name = :name AND revision = :revision;

-- Newest first. name NULL, active < 0, before 0: any.
-- name: definition_page
-- params: account text, region text, name text, active int, before bigint, rows bigint
-- columns: DEF_COL
{{definitions}} AND (:name IS NULL OR name = :name)
    AND (:active < 0 OR active = (:active = 1)) AND (:before = 0 OR id < :before)
ORDER BY id DESC LIMIT :rows;

-- name: definition_off
-- params: account text, region text, name text, revision int
-- columns: none
UPDATE job_definition SET active = false,
    inactive_since_ms = coalesce(inactive_since_ms, (extract(epoch FROM now()) * 1000)::bigint)
WHERE account = :account AND region = :region AND name = :name AND revision = :revision
RETURNING id;
