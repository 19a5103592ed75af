-- The tracer's statements, on a connection of its own: what its spans say of jobs that have ended.
-- table: tracer

-- name: traced_jobs
-- params: ids uuid[]
-- columns: TRACED
SELECT j.id, j.account, j.region, q.name AS queue, j.definition, j.revision, j.name, j.array_size,
    j.created_at_ms, j.traceparent, d.state, left(d.reason, 1024) AS reason, d.stopped_at_ms
FROM job j
JOIN done d ON d.job_id = j.id AND d.idx = -1
LEFT JOIN job_queue q ON q.id = j.queue_id
WHERE j.id = ANY (:ids) ORDER BY j.id;

-- Children of an array that have a row of their own: those that failed first.
-- name: traced_children
-- params: job_id uuid, rows bigint
-- columns: TRACED_CHILD
SELECT idx, state, left(reason, 1024) AS reason, stopped_at_ms
FROM done WHERE job_id = :job_id AND idx >= 0
ORDER BY state = :OB_JOB_FAILED DESC, idx LIMIT :rows;

-- In the order of the jobs and, for each, of the attempts.
-- name: traced_attempts
-- params: job_id uuid[], idx int[]
-- columns: TRACED_ATTEMPT
SELECT a.job_id, a.idx, a.attempt, a.run, a.instance_id, a.exit_code,
    left(a.reason, 1024) AS reason, a.runnable_at_ms, a.placed_at_ms, a.pulled_ms, a.created_ms,
    a.started_at_ms, a.stopped_at_ms, a.cpu_ms, a.peak_bytes
FROM {{rows: m}} JOIN attempt a ON a.job_id = m.job_id AND a.idx = m.idx
ORDER BY a.job_id, a.idx, a.attempt;
