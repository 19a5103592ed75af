-- Job queues: their settings and their status. Owner of job_queue; reads the scheduler's rows about
-- queues (queue_status, queue_snapshot, queue_usage, share_usage).

-- The resources of a region. A row that is deleting and has no status counts as deleted.
-- fragment: queues
SELECT q.id, q.name, q.enabled, q.priority, q.body, q.deleting,
    s.queue_id IS NOT NULL AS has_status, coalesce(s.valid, false) AS valid,
    coalesce(s.version >= q.version, false) AS current, s.reason,
    array_to_string(q.ce_ids, ',') AS ce_ids, q.policy_id
FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id
WHERE q.account = :account AND q.region = :region AND NOT (q.deleting AND s.queue_id IS NULL);

-- name: queue_find
-- params: account text, region text, name text
-- columns: JQ_COL
{{queues}} AND q.name = :name;

-- name: queue_lock
-- params: account text, region text, name text
-- columns: JQ_COL
{{queues}} AND q.name = :name FOR UPDATE OF q;

-- name: queue_named
-- params: account text, region text, names text[]
-- columns: JQ_COL
{{queues}} AND q.name = ANY (:names) ORDER BY array_position(:names, q.name);

-- name: queue_page
-- params: account text, region text, after bigint, rows bigint
-- columns: JQ_COL
{{queues}} AND q.id > :after ORDER BY q.id LIMIT :rows;

-- Removes a deleted row, so that a new one can have its name.
-- name: queue_gone
-- params: account text, region text, name text
DELETE FROM job_queue q
WHERE account = :account AND region = :region AND name = :name AND deleting
    AND NOT EXISTS (SELECT FROM queue_status s WHERE s.queue_id = q.id);

-- name: queue_count
-- params: account text, region text
-- columns: QUEUE_COUNT_COL
SELECT count(*) AS n FROM ({{queues}}) AS q;

-- No row: the name is taken.
-- name: queue_insert
-- params: account text, region text, name text, enabled boolean, priority int, ce_ids bigint[],
--     body text, policy_id bigint, time_limits text
-- columns: none
WITH q AS (
    INSERT INTO job_queue (account, region, name, enabled, priority, ce_ids, body, policy_id,
        time_limits)
    VALUES (:account, :region, :name, :enabled, :priority, :ce_ids, :body, :policy_id,
        :time_limits)
    ON CONFLICT (account, region, name) DO NOTHING RETURNING id
)
INSERT INTO inbox (consumer, kind, ref)
SELECT :OB_INBOX_SCHEDULER, :OB_INBOX_QUEUE, q.id FROM q RETURNING ref;

-- name: queue_update
-- params: id bigint, enabled boolean, priority int, ce_ids bigint[], body text, deleting boolean,
--     policy_id bigint, time_limits text
WITH q AS (
    UPDATE job_queue SET enabled = :enabled, priority = :priority, ce_ids = :ce_ids, body = :body,
        deleting = :deleting, policy_id = :policy_id, time_limits = :time_limits,
        version = version + 1
    WHERE id = :id RETURNING id
)
INSERT INTO inbox (consumer, kind, ref)
SELECT :OB_INBOX_SCHEDULER, :OB_INBOX_QUEUE, q.id FROM q;

-- What an operation on jobs needs to know about a queue.
-- name: queue_of_jobs
-- params: account text, region text, name text
-- columns: QUEUE_COL
SELECT q.id, q.version, q.enabled, q.deleting, q.policy_id IS NOT NULL AS fair_share,
    coalesce((SELECT c.resource_type LIKE 'FARGATE%' FROM compute_environment c
              WHERE c.id = q.ce_ids[1]), false) AS fargate,
    coalesce((SELECT c.eks_cluster_arn IS NOT NULL FROM compute_environment c
              WHERE c.id = q.ce_ids[1]), false) AS eks
FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id
WHERE q.account = :account AND q.region = :region AND q.name = :name
    AND NOT (q.deleting AND s.queue_id IS NULL);

-- May a job of this share enter, if that many shares may be active at a time?
-- name: share_fits
-- params: queue_id bigint, share text, shares_max bigint
-- columns: SHARE_FITS_COL
SELECT EXISTS (SELECT FROM share_usage WHERE queue_id = :queue_id AND share = :share AND active)
    OR (SELECT count(*) FROM share_usage WHERE queue_id = :queue_id AND active) < :shares_max
    AS fits;

-- How many jobs the queues of a region have, by state: one row a queue; NULL: it has had none.
-- fragment: counted
SELECT q.id, q.name, c.jobs, c.children, c.counted_at_ms
FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id
LEFT JOIN queue_snapshot c ON c.queue_id = q.id
WHERE q.account = :account AND q.region = :region AND NOT (q.deleting AND s.queue_id IS NULL);

-- name: counted_named
-- params: account text, region text, names text[]
-- columns: COUNTED_COL
{{counted}} AND q.name = ANY (:names) ORDER BY array_position(:names, q.name);

-- name: counted_page
-- params: account text, region text, after bigint, rows bigint
-- columns: COUNTED_COL
{{counted}} AND q.id > :after ORDER BY q.id LIMIT :rows;

-- name: snapshot
-- params: queue_id bigint
-- columns: SNAPSHOT_COL
SELECT body, updated_at_ms FROM queue_snapshot WHERE queue_id = :queue_id;

-- Points of a time, at most one a step: of several in a step the last, the most, and the sums. A
-- point holds until the next one, so the last one before the time is there, too.
-- fragment: of_time
FROM queue_usage u, (SELECT coalesce(max(at_ms), :from_ms) AS at_ms FROM queue_usage
                 WHERE queue_id = :id AND at_ms < :from_ms) AS first
WHERE u.queue_id = :id AND u.at_ms >= first.at_ms AND u.at_ms < :to_ms
GROUP BY CASE WHEN u.at_ms < :from_ms THEN -1 ELSE (u.at_ms - :from_ms) / :step_ms END
ORDER BY 1;

-- fragment: last(column)
(array_agg(u.{{column}} ORDER BY u.at_ms DESC))[1];

-- name: queue_usage
-- params: id bigint, from_ms bigint, to_ms bigint, step_ms bigint
-- columns: QUEUE_USAGE_COL
SELECT max(u.at_ms) AS at_ms, {{last: mcpu}} AS mcpu, max(u.mcpu) AS most_mcpu,
    {{last: placed}} AS placed, {{last: waiting}} AS waiting, max(u.waiting) AS most_waiting,
    sum(u.succeeded) AS succeeded, sum(u.failed) AS failed
{{of_time}};
