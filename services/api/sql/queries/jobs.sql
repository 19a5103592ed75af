-- Jobs as DescribeJobs shows them, and requests to stop them. Reads the scheduler's rows about jobs
-- (live, done, attempt, pod, class_reason, answer).

-- The state of a job. r: the requested reference (id, idx); children without their own row have
-- their parent's bulk state. An array waits for what its RUNNABLE children wait for, or else for
-- its dependencies.
-- fragment: job_columns(detail)
-- columns: JOB_COL
j.id, r.idx, j.array_size, j.definition, {{detail}} AS detail,
coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, :OB_JOB_SUBMITTED) AS state,
CASE
    WHEN d.job_id IS NOT NULL THEN d.reason
    WHEN l.job_id IS NOT NULL THEN CASE
        WHEN l.state = :OB_JOB_RUNNABLE OR l.counts[:OB_JOB_RUNNABLE + 1] > 0 THEN cr.reason
        WHEN l.state = :OB_JOB_PENDING THEN ob_waits_for(j.id, r.idx, l.waits)
        ELSE l.reason END
    WHEN pd.job_id IS NOT NULL THEN pd.bulk_reason
    WHEN pl.bulk_state = :OB_JOB_RUNNABLE THEN cr.reason
    WHEN pl.bulk_state = :OB_JOB_PENDING THEN ob_waits_for(j.id, r.idx, pl.waits)
    ELSE pl.bulk_reason END AS reason,
CASE WHEN d.job_id IS NOT NULL THEN d.started_at_ms ELSE l.started_at_ms END AS started_at_ms,
coalesce(d.stopped_at_ms,
    CASE WHEN pd.bulk_state IN (:OB_JOB_SUCCEEDED, :OB_JOB_FAILED) AND l.job_id IS NULL
         THEN pd.stopped_at_ms END) AS stopped_at_ms,
CASE WHEN j.failure IS NOT NULL THEN 0 ELSE
    coalesce(d.flags, l.flags, pd.flags, pl.flags, 0)
    | CASE WHEN d.job_id IS NULL AND pd.job_id IS NULL THEN coalesce((
        SELECT bit_or(CASE i.kind WHEN :OB_INBOX_CANCEL THEN :OB_FLAG_CANCELLED
                                  ELSE :OB_FLAG_TERMINATED END)
        FROM inbox i
        WHERE i.job_id = j.id AND i.kind IN (:OB_INBOX_CANCEL, :OB_INBOX_TERMINATE)
            AND i.idx IN (-1, r.idx)), 0) ELSE 0 END
    END AS flags,
l.run, l.instance_id, ce.name || '_Batch_' || ce.uuid AS cluster,
coalesce(d.counts, l.counts) AS counts,
{{attempts}} AS attempts,
(SELECT t.tags FROM job_tag t WHERE t.job_id = j.id) AS tags;

-- Those that have ended.
-- fragment: attempts
(SELECT json_agg(a ORDER BY a.attempt) FROM attempt a WHERE a.job_id = j.id AND a.idx = r.idx);

-- fragment: ours
j.account = :account AND j.region = :region
    AND (r.idx = -1 OR (r.idx >= 0 AND r.idx < j.array_size));

-- fragment: job_joins
LEFT JOIN live l ON l.job_id = j.id AND l.idx = r.idx
LEFT JOIN done d ON d.job_id = j.id AND d.idx = r.idx
LEFT JOIN live pl ON pl.job_id = j.id AND pl.idx = -1 AND r.idx >= 0
LEFT JOIN done pd ON pd.job_id = j.id AND pd.idx = -1 AND r.idx >= 0
LEFT JOIN compute_environment ce ON ce.id = l.ce_id
LEFT JOIN class_reason cr ON cr.queue_id = j.queue_id AND cr.mcpu = j.mcpu
    AND cr.mem_mib = j.mem_mib AND cr.gpus = j.gpus AND cr.share = coalesce(j.share, '')
    AND cr.priority = j.priority;

-- What is known of the pods of an EKS job, by attempt; NULL: nothing.
-- fragment: pods
(SELECT json_agg(json_build_object('attempt', p.attempt, 'run', p.run, 'pod', p.body::json))
    FROM pod p WHERE p.job_id = j.id AND p.idx = r.idx);

-- tags: all tags of the job, if they have changed since it was submitted.
-- name: describe
-- params: account text, region text, id uuid[], idx int[]
-- columns: JOB_COL then DESCRIBE_COL
SELECT {{job_columns: j.detail}}, {{pods}} AS pods, l.attempt
FROM {{rows: r; ord}} JOIN job j ON j.id = r.id {{job_joins}}
WHERE {{ours}}
ORDER BY r.ord;

-- now_...: of the attempt that has not ended; now_attempt is NULL if there is none. pod_definition:
-- the definition of an EKS job.
-- name: attempts_of
-- params: account text, region text, id uuid[], idx int[]
-- columns: ATTEMPTS_COL
SELECT j.id, r.idx, j.detail::json ->> 'jobQueue' AS queue_arn, {{attempts}} AS attempts,
    l.attempt + (l.state = :OB_JOB_RUNNABLE)::int AS now_attempt,
    l.runnable_at_ms AS now_runnable_at_ms, p.placed_at_ms AS now_placed_at_ms,
    l.started_at_ms AS now_started_at_ms, l.run AS now_run,
    CASE WHEN j.detail LIKE '%,"eksProperties":{%' THEN j.definition END AS pod_definition
FROM {{rows: r; ord}} JOIN job j ON j.id = r.id
LEFT JOIN live l ON l.job_id = j.id AND l.idx = r.idx AND (r.idx >= 0 OR j.array_size = 0)
    AND l.state IN (:OB_JOB_RUNNABLE, :OB_JOB_STARTING, :OB_JOB_RUNNING)
LEFT JOIN placement p ON p.instance_id = l.instance_id AND p.job_id = l.job_id AND p.idx = l.idx
WHERE {{ours}}
ORDER BY r.ord;

-- Except those that ended too long ago.
-- name: job_sizes
-- params: account text, region text, ids uuid[], gone_ms bigint
-- columns: JOB_SIZE_COL
SELECT id, array_size FROM job j
WHERE id = ANY (:ids) AND account = :account AND region = :region AND NOT EXISTS (
    SELECT FROM done d WHERE d.job_id = j.id AND d.idx = -1 AND d.stopped_at_ms < :gone_ms);

-- name: stop
-- params: account text, region text, kind smallint, id uuid[], idx int[], reason text
-- columns: none
INSERT INTO inbox (consumer, kind, job_id, idx, reason)
SELECT :OB_INBOX_SCHEDULER, :kind, j.id, r.idx, :reason
FROM {{rows: r; ord}} JOIN job j ON j.id = r.id
WHERE {{ours}}
    AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx IN (-1, r.idx))
ORDER BY r.ord
RETURNING seq;

-- name: array_exists
-- params: account text, region text, id uuid
-- columns: none
SELECT id FROM job
WHERE id = :id AND account = :account AND region = :region AND array_size > 0;

-- The letter of a state other than FAILED (docs/access.md, "The picture of an array").
-- fragment: letter(state)
substr('SPWTRC', {{state}} + 1, 1);

-- All children of an array in one answer, as of one instant. children: index and letter of those
-- with a row of their own; the others have the letter 'bulk'. NULL if nothing has changed since
-- etag: an array's row has the round of the last change; what has ended does not change.
-- Of a failed child the last attempt says how it failed; reasons are those of the engine.
-- name: array_states
-- params: account text, region text, id uuid, etag text
-- columns: ARRAY_COL
SELECT h.array_size, h.state, h.bulk, h.etag, h.changed,
    CASE WHEN h.changed THEN coalesce((
        SELECT string_agg(c.idx || c.letter, '')
        FROM (
            SELECT l.idx, {{letter: l.state}} AS letter FROM live l
            WHERE l.job_id = h.id AND l.idx >= 0
            UNION ALL
            SELECT d.idx, CASE
                WHEN d.state <> :OB_JOB_FAILED THEN {{letter: d.state}}
                WHEN d.flags & (:OB_FLAG_CANCELLED | :OB_FLAG_TERMINATED) <> 0 THEN 'X'
                WHEN a.attempt IS NULL THEN 'D'
                WHEN d.flags & :OB_FLAG_TIMED_OUT <> 0
                    OR a.reason = 'Job attempt duration exceeded timeout' THEN 'L'
                WHEN a.container_reason LIKE 'OutOfMemoryError%' THEN 'O'
                WHEN a.exit_code > 128 THEN 'K'
                WHEN a.exit_code IS NOT NULL THEN 'F'
                WHEN a.started_at_ms IS NULL AND a.reason NOT LIKE 'Host EC2%' THEN 'E'
                ELSE 'H' END AS letter
            FROM done d LEFT JOIN LATERAL (
                SELECT t.attempt, t.exit_code, t.container_reason, t.reason, t.started_at_ms
                FROM attempt t WHERE t.job_id = d.job_id AND t.idx = d.idx
                ORDER BY t.attempt DESC LIMIT 1
            ) a ON d.state = :OB_JOB_FAILED
            WHERE d.job_id = h.id AND d.idx >= 0
        ) c), '') END AS children
FROM (
    SELECT b.*, b.etag IS NULL OR b.etag IS DISTINCT FROM :etag AS changed
    FROM (
        SELECT j.id, j.array_size, coalesce(d.state, l.state, :OB_JOB_SUBMITTED) AS state,
            CASE
                WHEN coalesce(d.bulk_state, l.bulk_state) = :OB_JOB_FAILED THEN
                    CASE WHEN coalesce(d.flags, l.flags) <> 0 THEN 'X' ELSE 'D' END
                ELSE {{letter: coalesce(d.bulk_state, l.bulk_state, :OB_JOB_SUBMITTED)}}
                END AS bulk,
            CASE WHEN d.job_id IS NOT NULL THEN 'ended' WHEN l.job_id IS NULL THEN 'submitted'
                WHEN c.counted_round = c.round THEN l.round || '.' || c.counted_since END AS etag
        FROM job j
        JOIN leader c ON c.role = 'scheduler'
        LEFT JOIN live l ON l.job_id = j.id AND l.idx = -1
        LEFT JOIN done d ON d.job_id = j.id AND d.idx = -1
        WHERE j.id = :id AND j.account = :account AND j.region = :region AND j.array_size > 0
    ) b
) h;

-- fragment: child_times(name)
(SELECT d.state, greatest(d.stopped_at_ms - d.started_at_ms, 0) AS ms
    FROM job j JOIN done d ON d.job_id = j.id AND d.idx >= 0 AND d.started_at_ms IS NOT NULL
    WHERE j.id = :id AND j.account = :account AND j.region = :region AND j.array_size > 0
) {{name}};

-- How long the last attempts of an array's children ran, in bars of the same width: a row for each
-- bar that has any. Those that never ran are left out.
-- name: array_times
-- params: account text, region text, id uuid, bars int
-- columns: ARRAY_TIMES_COL
SELECT b.least_ms, b.median_ms, b.most_ms, b.width_ms, (t.ms - b.least_ms) / b.width_ms AS bar,
    count(*) FILTER (WHERE t.state = :OB_JOB_SUCCEEDED) AS succeeded,
    count(*) FILTER (WHERE t.state = :OB_JOB_FAILED) AS failed
FROM (
    SELECT min(m.ms) AS least_ms, max(m.ms) AS most_ms, (max(m.ms) - min(m.ms)) / :bars + 1 AS width_ms,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY m.ms) AS median_ms
    FROM {{child_times: m}}
) b
JOIN {{child_times: t}} ON true
GROUP BY 1, 2, 3, 4, 5
ORDER BY 5;

-- Requests that all jobs that match are stopped; forgets requests that were finished long ago, and
-- all but the last ones of the queue. No row: too many of the region, or the queue, are unfinished.
-- name: stop_request_add
-- params: account text, region text, queue_id bigint, states int, name_prefix text,
--     definition text, revision int, share text, terminate boolean, reason text,
--     created_at_ms bigint, open_max bigint, queue_open_max bigint, kept_max bigint,
--     forget_ms bigint
-- columns: STOP_REQUEST_COL
WITH past AS (
    DELETE FROM stop_request r USING stop_progress p
    WHERE p.stop_id = r.id AND p.finished_at_ms IS NOT NULL
        AND (p.finished_at_ms < :forget_ms OR (r.queue_id = :queue_id AND r.id <= (
            SELECT o.id FROM stop_request o WHERE o.queue_id = :queue_id
            ORDER BY o.id DESC OFFSET :kept_max LIMIT 1)))
), made AS (
    INSERT INTO stop_request (account, region, queue_id, states, name_prefix, definition, revision,
        share, terminate, reason, created_at_ms)
    SELECT :account, :region, :queue_id, :states, :name_prefix, :definition, :revision, :share,
        :terminate, :reason, :created_at_ms
    WHERE (
        SELECT count(*) < :open_max
            AND count(*) FILTER (WHERE o.queue_id = :queue_id) < :queue_open_max
        FROM stop_request o LEFT JOIN stop_progress p ON p.stop_id = o.id
        WHERE o.account = :account AND o.region = :region AND p.finished_at_ms IS NULL
    )
    RETURNING id
)
INSERT INTO inbox (consumer, kind, ref)
SELECT :OB_INBOX_SCHEDULER, :OB_INBOX_STOP_MATCHING, made.id FROM made RETURNING ref AS id;

-- A request of a queue, and how far it is.
-- name: stop_request_get
-- params: account text, region text, queue_id bigint, id bigint
-- columns: STOP_STATE_COL
SELECT r.states, r.name_prefix, r.definition, r.revision, r.share, r.terminate, r.reason,
    r.created_at_ms, p.begun_at_ms, p.finished_at_ms, p.looked, p.matched
FROM stop_request r LEFT JOIN stop_progress p ON p.stop_id = r.id
WHERE r.id = :id AND r.account = :account AND r.region = :region AND r.queue_id = :queue_id;

-- Asks the scheduler who waits for a job, or a child, that has not ended. No row: there is none.
-- name: ask_dependents
-- params: account text, region text, id uuid, idx int
-- columns: ASK_COL
INSERT INTO inbox (consumer, kind, job_id, idx)
SELECT :OB_INBOX_SCHEDULER, :OB_INBOX_DEPENDENTS, j.id, :idx FROM job j
WHERE j.id = :id AND j.account = :account AND j.region = :region
    AND (:idx = -1 OR (:idx >= 0 AND :idx < j.array_size))
    AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx IN (-1, :idx))
RETURNING seq;

-- name: answer
-- params: seq bigint
-- columns: ANSWER_COL
SELECT body FROM answer WHERE seq = :seq;

-- What ListDependents shows of jobs; ord: their place in the list, from 1.
-- name: dependents
-- params: account text, region text, id uuid[]
-- columns: DEPENDENT_COL
SELECT r.ord, j.id, j.name, j.detail::json ->> 'jobQueue' AS queue_arn,
    coalesce(d.state, l.state, :OB_JOB_SUBMITTED) AS state
FROM {{rows: r; ord}} JOIN job j ON j.id = r.id
LEFT JOIN live l ON l.job_id = j.id AND l.idx = -1
LEFT JOIN done d ON d.job_id = j.id AND d.idx = -1
WHERE j.account = :account AND j.region = :region
ORDER BY r.ord;
