-- The round's transaction (commit.c) after its fence, in its order.
-- table: scheduler

-- Raises an error (division by zero) if a statement of a round touched fewer rows than it must:
-- then memory and table differ, and the round must not be committed.
-- fragment: expect_all(rows)
SELECT 1 / (count(*) = cardinality(:{{rows}}))::int FROM changed;

-- Raises an error unless all are ACTIVE.
-- name: lock_instances
-- params: ids text[]
-- columns: none
SELECT ob_lock_instances(:ids);

-- round: of a parent, whose row changes with each change of a child's state.
-- name: live_insert
-- params: LIVE_ROW = round bigint, job_id uuid[], idx int[], state int[], run int[], attempt int[],
--     instance_id text[], ce_id bigint[], started_at_ms bigint[], runnable_at_ms bigint[],
--     reason text[], flags int[], stop_reason text[], bulk_state int[], bulk_reason text[],
--     counts text[], ord bigint[], waits int[], told_at_ms bigint[]
INSERT INTO live ({{names}}, round)
SELECT job_id, idx, state, run, attempt, instance_id, ce_id, started_at_ms, runnable_at_ms, reason,
    flags, stop_reason, bulk_state, bulk_reason, counts::int[], ord, waits, told_at_ms,
    CASE WHEN counts IS NOT NULL THEN :round END
FROM {{rows: m}};

-- running_at stays while the same run is RUNNING.
-- name: live_update
-- params: LIVE_ROW
-- columns: none
WITH changed AS (
    UPDATE live SET state = m.state, run = m.run, attempt = m.attempt,
        instance_id = m.instance_id, ce_id = m.ce_id, started_at_ms = m.started_at_ms,
        runnable_at_ms = m.runnable_at_ms, reason = m.reason, flags = m.flags,
        stop_reason = m.stop_reason, bulk_state = m.bulk_state, bulk_reason = m.bulk_reason,
        counts = m.counts::int[], ord = m.ord, waits = m.waits, told_at_ms = m.told_at_ms,
        round = CASE WHEN m.counts IS NOT NULL THEN :round END,
        running_at = CASE WHEN m.state = :OB_JOB_RUNNING THEN
            CASE WHEN live.state = :OB_JOB_RUNNING AND live.run = m.run THEN live.running_at
            ELSE now() END END
    FROM {{rows: m}}
    WHERE live.job_id = m.job_id AND live.idx = m.idx
    RETURNING 1
)
{{expect_all: job_id}};

-- name: live_delete
-- params: LIVE_KEY = job_id uuid[], idx int[]
-- columns: none
WITH changed AS (
    DELETE FROM live USING {{rows: m}} WHERE live.job_id = m.job_id AND live.idx = m.idx
    RETURNING 1
)
{{expect_all: job_id}};

-- Its parameters are the first of placement_insert's.
-- name: placement_delete
-- params: instance_id text[], job_id uuid[], idx int[], run int[]
-- columns: none
WITH changed AS (
    DELETE FROM placement p USING {{rows: m}}
    WHERE p.instance_id = m.instance_id AND p.job_id = m.job_id AND p.idx = m.idx AND p.run = m.run
    RETURNING 1
)
{{expect_all: instance_id}};

-- name: placement_insert
-- params: PLACEMENT_ROW = instance_id text[], job_id uuid[], idx int[], run int[],
--     placed_at_ms bigint[]
INSERT INTO placement ({{names}}) SELECT {{names}} FROM {{rows: m}};

-- name: done_insert
-- params: DONE_ROW = job_id uuid[], idx int[], queue_id bigint[], state int[], reason text[],
--     started_at_ms bigint[], stopped_at_ms bigint[], flags int[], bulk_state int[],
--     bulk_reason text[], counts text[]
INSERT INTO done ({{names}})
SELECT job_id, idx, queue_id, state, reason, started_at_ms, stopped_at_ms, flags, bulk_state,
    bulk_reason, counts::int[]
FROM {{rows: m}};

-- name: attempt_insert
-- params: ATTEMPT_ROW = job_id uuid[], idx int[], attempt int[], run int[], instance_id text[],
--     cluster text[], exit_code int[], container_reason text[], reason text[],
--     started_at_ms bigint[], stopped_at_ms bigint[], runnable_at_ms bigint[],
--     placed_at_ms bigint[], pulled_ms int[], created_ms int[], cpu_ms bigint[],
--     peak_bytes bigint[]
INSERT INTO attempt ({{names}}) SELECT {{names}} FROM {{rows: m}};

-- Of several about one attempt the last one counts.
-- name: pod_put
-- params: POD_ROW = job_id uuid[], idx int[], attempt int[], run int[], body text[]
INSERT INTO pod ({{names}})
SELECT DISTINCT ON (job_id, idx, attempt) {{names}} FROM {{rows: m; n}}
ORDER BY job_id, idx, attempt, n DESC
ON CONFLICT (job_id, idx, attempt) DO UPDATE SET run = excluded.run, body = excluded.body;

-- name: event_insert
-- params: EVENT_ROW = round bigint, at_ms bigint[], job_id uuid[], idx_lo int[], idx_hi int[],
--     state int[], attempt int[], run int[], instance_id text[], cluster text[],
--     started_at_ms bigint[], stopped_at_ms bigint[], exit_code int[], container_reason text[],
--     reason text[], flags int[], counts text[], blocked int[]
INSERT INTO job_event (round, n, {{names}})
SELECT :round, n, at_ms, job_id, idx_lo, idx_hi, state, attempt, run, instance_id, cluster,
    started_at_ms, stopped_at_ms, exit_code, container_reason, reason, flags, counts::int[],
    blocked <> 0
FROM {{rows: m; n}};

-- name: reason_put
-- params: REASON_ROW = queue_id bigint[], mcpu int[], mem_mib int[], gpus int[], share text[],
--     priority int[], reason text[], since_ms bigint[]
INSERT INTO class_reason ({{names}}) SELECT {{names}} FROM {{rows: m}}
ON CONFLICT (queue_id, mcpu, mem_mib, gpus, share, priority)
DO UPDATE SET reason = excluded.reason, since_ms = excluded.since_ms;

-- Its parameters are the first of reason_put's.
-- name: reason_delete
-- params: queue_id bigint[], mcpu int[], mem_mib int[], gpus int[], share text[], priority int[]
DELETE FROM class_reason c USING {{rows: m}}
WHERE c.queue_id = m.queue_id AND c.mcpu = m.mcpu AND c.mem_mib = m.mem_mib AND c.gpus = m.gpus
    AND c.share = m.share AND c.priority = m.priority;

-- name: share_put
-- params: SHARE_ROW = queue_id bigint[], share text[], usage_ms bigint[], at_ms bigint[],
--     active int[]
INSERT INTO share_usage ({{names}})
SELECT queue_id, share, usage_ms, at_ms, active <> 0 FROM {{rows: m}}
ON CONFLICT (queue_id, share) DO UPDATE
SET usage_ms = excluded.usage_ms, at_ms = excluded.at_ms, active = excluded.active;

-- Its parameters are the first of share_put's.
-- name: share_delete
-- params: queue_id bigint[], share text[]
DELETE FROM share_usage u USING {{rows: m}}
WHERE u.queue_id = m.queue_id AND u.share = m.share;

-- name: snapshot_put
-- params: SNAPSHOT_ROW = queue_id bigint[], body text[], updated_at_ms bigint[]
INSERT INTO queue_snapshot ({{names}}) SELECT {{names}} FROM {{rows: m}}
ON CONFLICT (queue_id) DO UPDATE
SET body = excluded.body, updated_at_ms = excluded.updated_at_ms;

-- A queue that has never had a front gets an empty one.
-- name: counts_put
-- params: COUNTS_ROW = queue_id bigint[], jobs text[], children text[], counted_at_ms bigint[]
INSERT INTO queue_snapshot (queue_id, body, updated_at_ms, jobs, children, counted_at_ms)
SELECT queue_id, '{}', counted_at_ms, jobs::bigint[], children::bigint[], counted_at_ms
FROM {{rows: m}}
ON CONFLICT (queue_id) DO UPDATE
SET jobs = excluded.jobs, children = excluded.children, counted_at_ms = excluded.counted_at_ms;

-- A clock that was set back may come to the time of another point.
-- name: usage_put
-- params: USAGE_ROW = queue_id bigint[], at_ms bigint[], mcpu bigint[], placed int[],
--     waiting int[], succeeded int[], failed int[]
INSERT INTO queue_usage ({{names}}) SELECT {{names}} FROM {{rows: m}}
ON CONFLICT (queue_id, at_ms) DO UPDATE
SET mcpu = excluded.mcpu, placed = excluded.placed, waiting = excluded.waiting,
    succeeded = excluded.succeeded, failed = excluded.failed;

-- Those before :before_ms have been read, or nobody waits for them any more.
-- name: answer_put
-- params: ANSWER_ROW = before_ms bigint, seq bigint[], at_ms bigint[], body text[]
WITH gone AS (DELETE FROM answer WHERE at_ms < :before_ms)
INSERT INTO answer ({{names}}) SELECT {{names}} FROM {{rows: m}}
ON CONFLICT (seq) DO NOTHING;

-- name: queue_status_put
-- params: queue_id bigint[], version bigint[]
INSERT INTO queue_status (queue_id, version, valid, reason)
SELECT queue_id, version, true, 'JobQueue Healthy' FROM {{rows: m}}
ON CONFLICT (queue_id) DO UPDATE
SET version = excluded.version, valid = true, reason = excluded.reason;

-- A submission may have been accepted just before; then its queue is not deleted yet.
-- name: queue_status_delete
-- params: queue_ids bigint[]
-- columns: GONE
DELETE FROM queue_status s WHERE queue_id = ANY (:queue_ids) AND NOT EXISTS (
    SELECT FROM inbox i JOIN job j ON j.id = i.job_id
    WHERE i.consumer = :OB_INBOX_SCHEDULER AND i.kind = :OB_INBOX_SUBMIT
        AND j.queue_id = s.queue_id
)
RETURNING queue_id;

-- name: queue_rest_delete
-- params: queue_ids bigint[]
WITH r AS (DELETE FROM class_reason WHERE queue_id = ANY (:queue_ids)),
    u AS (DELETE FROM share_usage WHERE queue_id = ANY (:queue_ids))
DELETE FROM queue_snapshot WHERE queue_id = ANY (:queue_ids);

-- Requests to stop all that match begin. What was done for requests that are kept no longer goes.
-- name: stop_begin
-- params: ids bigint[], begun_at_ms bigint
WITH gone AS (
    DELETE FROM stop_progress p
    WHERE NOT EXISTS (SELECT FROM stop_request r WHERE r.id = p.stop_id)
)
INSERT INTO stop_progress (stop_id, begun_at_ms)
SELECT r.id, :begun_at_ms FROM unnest(:ids) AS m(id) JOIN stop_request r ON r.id = m.id
ON CONFLICT (stop_id) DO NOTHING;

-- name: stop_step
-- params: id bigint, after_id uuid, looked bigint, matched bigint, finished_at_ms bigint
UPDATE stop_progress SET after_id = :after_id, looked = :looked, matched = :matched,
    finished_at_ms = :finished_at_ms
WHERE stop_id = :id;

-- The job data that executors get for placed jobs, by id.
-- name: specs
-- params: ids uuid[]
-- columns: SPEC
SELECT id, name, definition, detail, task_tags, timeout_s, array_size
FROM job WHERE id = ANY (:ids) ORDER BY id;
