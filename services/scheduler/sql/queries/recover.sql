-- The rows that a new leader loads.
-- table: scheduler
-- include: job.sql

-- The inner LIMIT keeps the join a nested loop over the page, whatever the size of the tables.
-- name: live_page
-- params: after_id uuid, after_idx int, rows bigint
-- columns: JOB then LIVE
SELECT {{job: CASE WHEN l.waits IS NOT NULL THEN j.dep_ids END}},
    l.job_id, l.idx, l.state, l.run, l.attempt, l.instance_id, l.started_at_ms, l.runnable_at_ms,
    l.flags, l.stop_reason, l.bulk_state, l.bulk_reason, l.ord,
    (extract(epoch FROM now() - l.running_at) * 1000)::bigint AS running_for_ms, l.waits,
    l.told_at_ms, p.placed_at_ms
FROM (
    SELECT * FROM live WHERE (job_id, idx) > (:after_id, :after_idx)
    ORDER BY job_id, idx LIMIT :rows
) l
JOIN job j ON j.id = l.job_id
LEFT JOIN placement p ON p.instance_id = l.instance_id AND p.job_id = l.job_id AND p.idx = l.idx
ORDER BY l.job_id, l.idx;

-- name: class_reasons
-- columns: REASON
SELECT queue_id, mcpu, mem_mib, gpus, share, priority, reason, since_ms FROM class_reason;

-- name: share_usages
-- columns: SHARE
SELECT queue_id, share, usage_ms, at_ms, active FROM share_usage;

-- jobs and children: NULL, or seven numbers.
-- name: snapshots
-- columns: SNAPSHOT
SELECT queue_id, body, jobs, children FROM queue_snapshot;

-- Queues that were not deleted and whose jobs were never counted; whole 1: also the others.
-- name: uncounted
-- params: whole int
-- columns: UNCOUNTED
SELECT q.queue_id FROM queue_status q LEFT JOIN queue_snapshot s ON s.queue_id = q.queue_id
WHERE :whole = 1 OR s.jobs IS NULL ORDER BY q.queue_id;

-- A page of a queue's jobs that have ended in a state.
-- name: ended_page
-- params: queue_id bigint, state int, after_id uuid, rows bigint
-- columns: PAST
SELECT job_id, counts FROM done
WHERE queue_id = :queue_id AND state = :state AND idx = -1 AND job_id > :after_id
ORDER BY job_id LIMIT :rows;
