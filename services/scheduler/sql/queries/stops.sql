-- Stopping all that match: what is to be done, and where the jobs are.
-- table: scheduler

-- Requests that have begun and are not finished.
-- name: stop_open
-- columns: STOP
SELECT r.id, r.queue_id, r.states, r.name_prefix, r.definition, r.revision, r.share, r.terminate,
    r.reason, r.created_at_ms, p.after_id, p.looked, p.matched
FROM stop_progress p JOIN stop_request r ON r.id = p.stop_id
WHERE p.finished_at_ms IS NULL ORDER BY r.id;

-- Requests that have not begun and that no inbox row names: an earlier version, which does not know
-- them, has taken their rows.
-- name: stop_lost
-- columns: STOP_LOST
SELECT r.id FROM stop_request r
WHERE NOT EXISTS (SELECT FROM stop_progress p WHERE p.stop_id = r.id)
    AND NOT EXISTS (
        SELECT FROM inbox i WHERE i.consumer = :OB_INBOX_SCHEDULER
            AND i.kind = :OB_INBOX_STOP_MATCHING AND i.ref = r.id
    )
ORDER BY r.id;

-- A page of living jobs of all queues, so that what has ended costs nothing: does each match?
-- name: stop_page
-- params: after_id uuid, after_idx int, rows bigint, queue_id bigint, states int,
--     created_at_ms bigint, name_prefix text, definition text, revision int, share text
-- columns: STOP_PAGE
SELECT p.job_id, p.idx = -1 AND j.queue_id = :queue_id AND j.created_at_ms <= :created_at_ms
    AND (:states >> p.state) & 1 = 1
    AND (:name_prefix IS NULL OR starts_with(j.name, :name_prefix))
    AND (:definition IS NULL OR j.definition = :definition)
    AND (:revision = 0 OR j.revision = :revision)
    AND (:share IS NULL OR coalesce(j.share = :share, false)) AS matches
FROM (
    SELECT job_id, idx, state FROM live WHERE (job_id, idx) > (:after_id, :after_idx)
    ORDER BY job_id, idx LIMIT :rows
) p
JOIN job j ON j.id = p.job_id
ORDER BY p.job_id, p.idx;
