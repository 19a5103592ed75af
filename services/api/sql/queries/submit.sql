-- Stores jobs, on a connection of its own.

-- One statement, so that a job, its inbox row and its submit_once row are one commit. Rows of the
-- same call meet in submit_once, sorted by key so that two processes lock in the same order; only
-- the rows that it returned are inserted. The queue is locked, so that it cannot be deleted in
-- between. Queue and definition may come from the api's cache (name_cache.c): jobs of changed ones
-- are left out. A job that is accepted and then fails brings its termination along. Each job's
-- dependencies come as the text of an array, because unnest does not take arrays of arrays.
-- name: submit
-- params: SUBMIT = id uuid[], account text[], region text[], queue_id bigint[], queue_version bigint[], definition_id bigint[],
--     latest smallint[], definition text[], revision int[], name text[], array_size int[],
--     mcpu int[], mem_mib int[], gpus int[], created_at_ms bigint[], detail text[],
--     attempts smallint[], on_exit text[], timeout_s int[], share text[], priority int[],
--     dep_ids text[], dep_idxs text[], dep_types text[], task_tags text[], failure text[],
--     traceparent text[], key_id text[], invocation_id text[], body_hash bytea[]
-- columns: SUBMITTED_COL
WITH input AS (
    SELECT * FROM {{rows: i}}
), q AS (
    SELECT id, version FROM job_queue WHERE id = ANY (:queue_id) AND enabled AND NOT deleting
    ORDER BY id FOR SHARE
), d AS MATERIALIZED (
    SELECT d.id, EXISTS (SELECT FROM job_definition n
        WHERE n.account = d.account AND n.region = d.region AND n.name = d.name
            AND n.revision > d.revision AND n.active) AS outdated
    FROM job_definition d WHERE d.id = ANY (:definition_id) AND d.active
), ok AS (
    SELECT i.* FROM input i
    JOIN q ON q.id = i.queue_id AND q.version = i.queue_version
    JOIN d ON d.id = i.definition_id
    WHERE i.latest = 0 OR NOT d.outdated
), once AS (
    INSERT INTO submit_once (key_id, invocation_id, body_hash, job_id, created_at_ms)
    SELECT i.key_id, i.invocation_id, i.body_hash, i.id, i.created_at_ms FROM ok i
    WHERE i.invocation_id IS NOT NULL
    ORDER BY i.key_id, i.invocation_id ON CONFLICT DO NOTHING RETURNING job_id
), made AS (
    INSERT INTO job (id, account, region, queue_id, definition, revision, name, array_size, mcpu, mem_mib, gpus,
        created_at_ms, detail, attempts, on_exit, timeout_s, share, priority,
        dep_ids, dep_idxs, dep_types, task_tags, failure, traceparent)
    SELECT i.id, i.account, i.region, i.queue_id, i.definition, i.revision, i.name, i.array_size, i.mcpu, i.mem_mib,
        i.gpus, i.created_at_ms, i.detail, i.attempts, i.on_exit, i.timeout_s, i.share, i.priority,
        i.dep_ids::uuid[], i.dep_idxs::int[], i.dep_types::smallint[], i.task_tags, i.failure,
        i.traceparent
    FROM ok i WHERE i.invocation_id IS NULL OR i.id IN (SELECT job_id FROM once)
    RETURNING id, failure
), boxed AS (
    INSERT INTO inbox (consumer, kind, job_id, reason)
    SELECT :OB_INBOX_SCHEDULER, k.kind, m.id,
        CASE k.kind WHEN :OB_INBOX_TERMINATE THEN m.failure END
    FROM made m CROSS JOIN (VALUES (:OB_INBOX_SUBMIT), (:OB_INBOX_TERMINATE)) AS k(kind)
    WHERE k.kind = :OB_INBOX_SUBMIT OR m.failure IS NOT NULL ORDER BY m.id, k.kind
)
SELECT id FROM made;

-- name: submit_exists
-- params: id uuid
-- columns: none
SELECT id FROM job WHERE id = :id;

-- name: forget_once
-- params: before_ms bigint
DELETE FROM submit_once WHERE created_at_ms < :before_ms;

-- name: note_lead
-- params: lead_ms bigint
UPDATE id_clock SET lead_ms = greatest(lead_ms, :lead_ms);
