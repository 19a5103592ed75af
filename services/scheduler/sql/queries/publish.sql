-- The publisher's statements, on a connection of its own: job_event rows that become messages, the
-- data that belong to them, and the position.
-- table: publisher

-- name: watermark
-- columns: WATERMARK
SELECT round, n, topic_end FROM publisher;

-- Moves only forward, and only while this epoch leads.
-- name: move_watermark
-- params: epoch bigint, round bigint, n int, topic_end bigint
UPDATE publisher SET epoch = :epoch, round = :round, n = :n, topic_end = :topic_end
WHERE (round, n) <= (:round, :n)
    AND EXISTS (SELECT FROM leader WHERE role = 'scheduler' AND epoch = :epoch);

-- Reasons of rows that were written before they had limits are cut.
-- name: events
-- params: after_round bigint, after_n int, rows bigint
-- columns: EVENT
SELECT round, n, at_ms, job_id, idx_lo, idx_hi, state, attempt, run, instance_id, cluster,
    started_at_ms, stopped_at_ms, exit_code, left(container_reason, 255) AS container_reason,
    left(reason, 1024) AS reason, flags, counts, blocked
FROM job_event WHERE (round, n) > (:after_round, :after_n)
ORDER BY round, n LIMIT :rows;

-- Jobs that ended within a time before the last of these events: a leader before may have published
-- them, and died before it sent their traces. At most :rows events are looked at.
-- name: last_ends
-- params: after_round bigint, after_n int, round bigint, n int, rows bigint, within_ms bigint
-- columns: LAST_END
SELECT e.job_id
FROM (
    SELECT l.*, max(at_ms) OVER () AS last_ms
    FROM (
        SELECT round, n, at_ms, job_id, idx_lo, state FROM job_event
        WHERE (round, n) > (:after_round, :after_n) AND (round, n) <= (:round, :n)
        ORDER BY round DESC, n DESC LIMIT :rows
    ) l
) e
WHERE e.idx_lo = -1 AND e.state >= :OB_JOB_SUCCEEDED AND e.at_ms > e.last_ms - :within_ms
ORDER BY e.round, e.n;

-- The jobs of events: each once, however many of its events are published together.
-- name: subjects
-- params: ids uuid[]
-- columns: SUBJECT
SELECT id, definition, array_size, detail FROM job WHERE id = ANY (:ids);

-- What is known of the pods of their attempts.
-- name: pods
-- params: job_id uuid[], idx int[]
-- columns: POD
SELECT p.job_id, p.idx, p.attempt, p.run, p.body
FROM {{rows: m}} JOIN pod p ON p.job_id = m.job_id AND p.idx = m.idx
ORDER BY p.job_id, p.idx, p.attempt;

-- In the order of the jobs and, for each, of the attempts.
-- name: attempts
-- params: job_id uuid[], idx int[]
-- columns: ATTEMPT
SELECT a.job_id, a.idx, a.attempt, a.run, a.instance_id, a.cluster, a.exit_code,
    left(a.container_reason, 255) AS container_reason, left(a.reason, 1024) AS reason,
    a.started_at_ms, a.stopped_at_ms
FROM {{rows: m}} JOIN attempt a ON a.job_id = m.job_id AND a.idx = m.idx
ORDER BY a.job_id, a.idx, a.attempt;
