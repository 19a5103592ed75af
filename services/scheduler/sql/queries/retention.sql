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
