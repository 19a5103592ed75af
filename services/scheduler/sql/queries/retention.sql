-- The statements of retention, page by page.
-- table: scheduler_retention

-- The rows of the next page whose job has been deleted. Ids are in the order of time, so the pages
-- end before the ids (:bound) of jobs that cannot have been deleted.
-- fragment: orphans(table, number)
WITH page AS (
    SELECT job_id, idx, {{number}} AS number FROM {{table}}
    WHERE (job_id, idx, {{number}}) > (:after_id, :after_idx, :after_number) AND job_id < :bound
    ORDER BY 1, 2, 3 LIMIT :rows
),
gone AS (
    DELETE FROM {{table}} t USING page p
    WHERE t.job_id = p.job_id AND t.idx = p.idx AND {{number}} = p.number
        AND NOT EXISTS (SELECT FROM job j WHERE j.id = p.job_id)
    RETURNING 1
)
SELECT job_id, idx, number, (SELECT count(*) FROM page) AS looked,
    (SELECT count(*) FROM gone) AS deleted
FROM page ORDER BY job_id DESC, idx DESC, number DESC LIMIT 1;

-- name: orphaned_attempts
-- params: after_id uuid, after_idx int, after_number int, bound uuid, rows bigint
-- columns: ORPHAN
{{orphans: attempt; attempt}};

-- name: orphaned_pods
-- params: after_id uuid, after_idx int, after_number int, bound uuid, rows bigint
-- columns: ORPHAN
{{orphans: pod; attempt}};

-- name: orphaned_done
-- params: after_id uuid, after_idx int, after_number int, bound uuid, rows bigint
-- columns: ORPHAN
{{orphans: done; 0}};

-- at_ms increases with (round, n), so the first page that has not completely expired is the last
-- one.
-- name: past_job_events
-- params: before_ms bigint, rows bigint
DELETE FROM job_event WHERE ctid = ANY (ARRAY(
    SELECT e.ctid
    FROM (SELECT ctid, round, n, at_ms FROM job_event ORDER BY round, n LIMIT :rows) AS e
    CROSS JOIN publisher p
    WHERE e.at_ms < :before_ms AND (e.round, e.n) <= (p.round, p.n)
));

-- Old points of the first queue behind :after that has any. Its id is NULL behind the last one.
-- name: past_usage
-- params: after bigint, before_ms bigint, rows bigint
-- columns: PAST_USAGE
WITH first AS (SELECT min(queue_id) AS id FROM queue_usage WHERE queue_id > :after),
gone AS (
    DELETE FROM queue_usage WHERE ctid = ANY (ARRAY(
        SELECT u.ctid FROM queue_usage u JOIN first ON u.queue_id = first.id
        WHERE u.at_ms < :before_ms ORDER BY u.queue_id, u.at_ms LIMIT :rows
    ))
    RETURNING 1
)
SELECT id, (SELECT count(*) FROM gone) AS deleted FROM first;
