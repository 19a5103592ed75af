-- Scheduling policies. Owner of scheduling_policy.
-- table: policies

-- fragment: policies
SELECT id, name, body FROM scheduling_policy WHERE account = :account AND region = :region;

-- name: policy_read
-- params: account text, region text, name text
-- columns: SCHED_POLICY_COL
{{policies}} AND name = :name;

-- name: policy_share
-- params: account text, region text, name text
-- columns: SCHED_POLICY_COL
{{policies}} AND name = :name FOR SHARE;

-- name: policy_lock
-- params: account text, region text, name text
-- columns: SCHED_POLICY_COL
{{policies}} AND name = :name FOR UPDATE;

-- name: policy_named
-- params: account text, region text, names text[]
-- columns: SCHED_POLICY_COL
{{policies}} AND name = ANY (:names) ORDER BY array_position(:names, name);

-- name: policy_page
-- params: account text, region text, after bigint, rows bigint
-- columns: SCHED_POLICY_COL
{{policies}} AND id > :after ORDER BY id LIMIT :rows;

-- No row: the name is taken.
-- name: policy_insert
-- params: account text, region text, name text, body text
-- columns: none
INSERT INTO scheduling_policy (account, region, name, body)
VALUES (:account, :region, :name, :body)
ON CONFLICT (account, region, name) DO NOTHING RETURNING id;

-- Informs the scheduler about each queue with the policy.
-- name: policy_update
-- params: id bigint, body text
WITH p AS (
    UPDATE scheduling_policy SET body = :body, version = version + 1 WHERE id = :id RETURNING id
)
INSERT INTO inbox (consumer, kind, ref)
SELECT :OB_INBOX_SCHEDULER, :OB_INBOX_QUEUE, q.id
FROM job_queue q JOIN p ON q.policy_id = p.id ORDER BY q.id;

-- name: policy_in_use
-- params: id bigint
-- columns: POLICY_IN_USE_COL
SELECT EXISTS (
    SELECT FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id
    WHERE q.policy_id = :id AND NOT (q.deleting AND s.queue_id IS NULL)
) AS in_use;

-- name: policy_delete
-- params: id bigint
DELETE FROM scheduling_policy WHERE id = :id;
