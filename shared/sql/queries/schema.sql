-- Waits for the schema. Sends nothing that PostgreSQL would log as an error.
-- table: none

-- name: schema_made
-- columns: SCHEMA
SELECT (to_regclass('schema_migration') IS NOT NULL)::int AS number;

-- name: schema_version
-- columns: SCHEMA
SELECT max(version) AS number FROM schema_migration;
