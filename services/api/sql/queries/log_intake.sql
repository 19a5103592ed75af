-- Stores output in log_event, on a connection of its own.

-- fragment: same_stream
s.account = k.account AND s.region = k.region AND s.log_group = k.log_group AND s.name = k.name;

-- name: log_make_groups
-- params: account text[], region text[], log_group text[], now_ms bigint
INSERT INTO log_group (account, region, name, created_at_ms)
SELECT DISTINCT k.account, k.region, k.log_group, :now_ms FROM {{rows: k}}
WHERE NOT EXISTS (SELECT FROM log_group g
    WHERE g.account = k.account AND g.region = k.region AND g.name = k.log_group)
ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;

-- name: log_make_streams
-- params: account text[], region text[], log_group text[], name text[], job_id text[], idx int[],
--     now_ms bigint
INSERT INTO log_stream (account, region, log_group, name, job_id, idx, created_at_ms)
SELECT k.account, k.region, k.log_group, k.name, k.job_id::uuid, k.idx, :now_ms FROM {{rows: k}}
WHERE NOT EXISTS (SELECT FROM log_stream s WHERE {{same_stream}})
ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING;

-- name: log_open
-- params: account text[], region text[], log_group text[], name text[]
-- columns: LOG_OPEN_COL
SELECT k.ord, s.id, s.end_offset, s.lines, s.first_at_ms, s.last_at_ms
FROM {{rows: k; ord}} JOIN log_stream s ON {{same_stream}}
ORDER BY s.id FOR UPDATE OF s;

-- name: log_append
-- params: now_ms bigint, stream_id bigint[], at_ms bigint[], n bigint[], message bytea[]
INSERT INTO log_event (stream_id, at_ms, n, ingested_at_ms, message)
SELECT i.stream_id, i.at_ms, i.n, :now_ms, i.message FROM {{rows: i}};

-- name: log_move
-- params: LOG_MOVE = now_ms bigint, id bigint[], end_offset bigint[], lines bigint[],
--     first_at_ms bigint[], last_at_ms bigint[]
UPDATE log_stream s SET end_offset = m.end_offset, lines = m.lines, first_at_ms = m.first_at_ms,
    last_at_ms = m.last_at_ms, last_ingested_at_ms = :now_ms
FROM {{rows: m}} WHERE s.id = m.id;

-- Runs that are on their instance or have ended there.
-- name: log_runs
-- params: job_id uuid[], idx int[], run int[], instance_id text[]
-- columns: LOG_RUN_COL
SELECT k.ord, j.account, j.region, j.definition,
    CASE WHEN strpos(j.detail, '"logConfiguration":') > 0
         THEN j.detail::json #>> '{container,logConfiguration}' END AS configuration
FROM {{rows: k; ord}} JOIN job j ON j.id = k.job_id
WHERE EXISTS (SELECT FROM placement p WHERE p.instance_id = k.instance_id
        AND p.job_id = k.job_id AND p.idx = k.idx AND p.run = k.run)
    OR EXISTS (SELECT FROM attempt a WHERE a.job_id = k.job_id AND a.idx = k.idx
        AND a.run = k.run AND a.instance_id = k.instance_id);

-- name: log_senders
-- params: instance_id text[]
-- columns: LOG_SENDER_COL
SELECT i.id, i.key_salt, i.token_hash FROM {{rows: k}} JOIN instance i ON i.id = k.instance_id;
