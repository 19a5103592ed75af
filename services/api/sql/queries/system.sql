-- What PostgreSQL knows of the copy itself (DescribeSystem). Owns no table.

-- name: system_leaders
-- columns: SYSTEM_LEADER_COL
SELECT role, epoch, round, holder FROM leader ORDER BY role;

-- name: system_database
-- columns: SYSTEM_DATABASE_COL
SELECT current_setting('server_version') AS version,
    pg_database_size(current_database()) AS bytes,
    (SELECT max(m.version) FROM schema_migration m) AS schema_version,
    (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database()) AS connections,
    (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint AS started_at_ms;
