-- Each page statement examines the next page of a table in the order of its key and deletes the
-- expired rows; it returns the number of rows examined and deleted, and the end of the page.

-- fragment: page_result(key)
SELECT (SELECT count(*) FROM page) AS looked_at, (SELECT count(*) FROM gone) AS deleted,
    (SELECT {{key}} FROM page ORDER BY 1 DESC LIMIT 1) AS ends;

-- name: past_events
-- params: before_ms bigint
-- columns: PAGE_COL
WITH page AS (
    SELECT ctid AS at, at_ms FROM log_event WHERE at_ms < :before_ms
    ORDER BY at_ms, stream_id, n LIMIT :RETENTION_STEP
), gone AS (
    DELETE FROM log_event WHERE ctid = ANY (ARRAY(SELECT at FROM page)) RETURNING 1
)
{{page_result: at_ms}};

-- name: past_streams
-- params: before_ms bigint, after bigint
-- columns: PAGE_COL
WITH page AS (
    SELECT id, job_id FROM log_stream WHERE id > :after AND created_at_ms < :before_ms
    ORDER BY id LIMIT :RETENTION_STEP
), gone AS (
    DELETE FROM log_stream s USING page p WHERE s.id = p.id AND s.last_at_ms < :before_ms
        AND NOT EXISTS (SELECT FROM log_event e WHERE e.stream_id = p.id)
        AND NOT EXISTS (SELECT FROM live l WHERE l.job_id = p.job_id)
    RETURNING 1
)
{{page_result: id}};

-- Jobs on which living jobs depend.
-- name: needed_jobs
-- params: bound uuid
-- columns: NEEDED_COL
SELECT array_agg(DISTINCT d.id) AS ids
FROM (
    SELECT job_id FROM live WHERE idx = -1
    UNION ALL
    SELECT job_id FROM inbox WHERE consumer = :OB_INBOX_SCHEDULER AND kind = :OB_INBOX_SUBMIT
) AS l
JOIN job j ON j.id = l.job_id CROSS JOIN LATERAL unnest(j.dep_ids) AS d(id)
WHERE j.dep_ids IS NOT NULL AND d.id < :bound;

-- name: past_jobs
-- params: before_ms bigint, bound uuid, needed uuid[], after uuid
-- columns: PAGE_COL
WITH page AS (
    SELECT job_id, stopped_at_ms FROM done WHERE idx = -1 AND job_id < :bound AND job_id > :after
    ORDER BY job_id LIMIT :RETENTION_STEP
), gone AS (
    DELETE FROM job j USING page p WHERE j.id = p.job_id AND p.stopped_at_ms < :before_ms
        AND NOT j.id = ANY (coalesce(:needed, '{}'))
    RETURNING 1
)
{{page_result: job_id}};

-- A separate statement, because past_jobs does not see tags that were set while it started.
-- name: past_tags
-- params: bound uuid, after uuid
-- columns: PAGE_COL
WITH page AS (
    SELECT job_id FROM job_tag WHERE job_id < :bound AND job_id > :after
    ORDER BY job_id LIMIT :RETENTION_STEP
), gone AS (
    DELETE FROM job_tag t USING page p WHERE t.job_id = p.job_id
        AND NOT EXISTS (SELECT FROM job j WHERE j.id = p.job_id)
    RETURNING 1
)
{{page_result: job_id}};

-- name: past_definitions
-- params: before_ms bigint
DELETE FROM job_definition d WHERE NOT active AND inactive_since_ms < :before_ms AND EXISTS (
    SELECT FROM job_definition n WHERE n.account = d.account AND n.region = d.region
        AND n.name = d.name AND n.revision > d.revision);
