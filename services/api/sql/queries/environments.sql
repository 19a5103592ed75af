-- Compute environments: their settings and their status. Owner of compute_environment and
-- join_token; reads ce_status, ce_usage, instance, and what is placed on it.

-- The resources of a region. A row that is deleting and has no status counts as deleted.
-- fragment: environments
SELECT c.id, c.name, c.uuid, c.enabled, c.resource_type, c.min_vcpus, c.max_vcpus,
    coalesce(s.desired_vcpus, greatest(c.min_vcpus, coalesce(c.desired_vcpus, 0))) AS desired_vcpus,
    c.body, c.deleting, s.ce_id IS NOT NULL AS has_status, coalesce(s.valid, false) AS valid,
    coalesce(s.version >= c.version, false) AS current, s.reason, c.type = 'MANAGED' AS managed
FROM compute_environment c LEFT JOIN ce_status s ON s.ce_id = c.id
WHERE c.account = :account AND c.region = :region AND NOT (c.deleting AND s.ce_id IS NULL);

-- Informs the scheduler and the scaler about an environment.
-- fragment: ring_both(environment)
INSERT INTO inbox (consumer, kind, ref)
SELECT v.consumer, :OB_INBOX_ENVIRONMENT, e.id
FROM {{environment}} e, (VALUES (:OB_INBOX_SCHEDULER), (:OB_INBOX_SCALER)) AS v(consumer);

-- name: environment_find
-- params: account text, region text, name text
-- columns: CE_COL
{{environments}} AND c.name = :name;

-- name: environment_lock
-- params: account text, region text, name text
-- columns: CE_COL
{{environments}} AND c.name = :name FOR UPDATE OF c;

-- name: environment_named
-- params: account text, region text, names text[]
-- columns: CE_COL
{{environments}} AND c.name = ANY (:names) ORDER BY array_position(:names, c.name);

-- name: environment_page
-- params: account text, region text, after bigint, rows bigint
-- columns: CE_COL
{{environments}} AND c.id > :after ORDER BY c.id LIMIT :rows;

-- name: environment_share
-- params: account text, region text, names text[]
-- columns: CE_COL
{{environments}} AND c.name = ANY (:names) ORDER BY c.id FOR SHARE OF c;

-- Removes a deleted row, so that a new one can have its name.
-- name: environment_gone
-- params: account text, region text, name text
DELETE FROM compute_environment c
WHERE account = :account AND region = :region AND name = :name AND deleting
    AND NOT EXISTS (SELECT FROM ce_status s WHERE s.ce_id = c.id);

-- name: environment_count
-- params: account text, region text
-- columns: ENVIRONMENT_COUNT_COL
SELECT count(*) AS n FROM ({{environments}}) AS c;

-- name: environment_count_of_cluster
-- params: account text, region text, cluster text
-- columns: ENVIRONMENT_COUNT_OF_CLUSTER_COL
SELECT count(*) AS n FROM ({{environments}} AND c.eks_cluster_arn = :cluster) AS c;

-- No row: the name is taken.
-- name: environment_insert
-- params: account text, region text, name text, uuid uuid, enabled boolean, resource_type text,
--     min_vcpus int, max_vcpus int, desired_vcpus int, body text, type text, unmanaged_vcpus int,
--     eks_cluster_arn text, kubernetes_namespace text
-- columns: none
WITH c AS (
    INSERT INTO compute_environment (account, region, name, uuid, type, enabled, resource_type,
        min_vcpus, max_vcpus, desired_vcpus, body, unmanaged_vcpus, eks_cluster_arn,
        kubernetes_namespace)
    VALUES (:account, :region, :name, :uuid, :type, :enabled, :resource_type,
        :min_vcpus, :max_vcpus, :desired_vcpus, :body, :unmanaged_vcpus, :eks_cluster_arn,
        :kubernetes_namespace)
    ON CONFLICT (account, region, name) DO NOTHING RETURNING id
)
{{ring_both: c}} RETURNING ref;

-- name: environment_update
-- params: id bigint, enabled boolean, resource_type text, min_vcpus int, max_vcpus int,
--     desired_vcpus int, body text, deleting boolean, unmanaged_vcpus int
WITH c AS (
    UPDATE compute_environment SET enabled = :enabled, resource_type = :resource_type,
        min_vcpus = :min_vcpus, max_vcpus = :max_vcpus, desired_vcpus = :desired_vcpus,
        body = :body, deleting = :deleting, unmanaged_vcpus = :unmanaged_vcpus,
        version = version + 1
    WHERE id = :id RETURNING id
)
{{ring_both: c}};

-- Does a queue use it?
-- name: environment_in_use
-- params: account text, region text, id bigint
-- columns: IN_USE_COL
SELECT EXISTS (
    SELECT FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id
    WHERE account = :account AND region = :region AND :id = ANY (ce_ids)
        AND NOT (q.deleting AND s.queue_id IS NULL)
) AS in_use;

-- Requests, once, that the scaler interrupts an ACTIVE Spot instance.
-- name: instance_interrupt
-- params: account text, region text, instance_id text
-- columns: INTERRUPT_COL
WITH i AS (
    SELECT i.id, i.state, i.spot FROM instance i JOIN compute_environment c ON c.id = i.ce_id
    WHERE i.id = :instance_id AND c.account = :account AND c.region = :region
), n AS (
    INSERT INTO inbox (consumer, kind, instance_id)
    SELECT :OB_INBOX_SCALER, :OB_INBOX_INTERRUPT, i.id FROM i
    WHERE i.state = :OB_INSTANCE_ACTIVE AND i.spot AND NOT EXISTS (
        SELECT 1 FROM inbox b WHERE b.consumer = :OB_INBOX_SCALER AND b.instance_id = i.id)
)
SELECT state, spot FROM i;

-- name: join_token_add
-- params: ce_id bigint, hash text
INSERT INTO join_token (ce_id, hash) VALUES (:ce_id, :hash);

-- An instance i, and what is placed on it in all (u).
-- fragment: instance_columns
i.id, i.type, i.spot, i.mcpu, i.mem_mib, i.gpus, i.vcpus, i.state, i.reason,
    i.doubtful AND i.state = :OB_INSTANCE_LAUNCHING AS doubtful,
    (extract(epoch FROM i.launched_at) * 1000)::bigint AS launched_at_ms,
    (extract(epoch FROM i.active_at) * 1000)::bigint AS active_at_ms,
    (extract(epoch FROM i.deadline_at) * 1000)::bigint AS deadline_at_ms,
    (extract(epoch FROM i.ended_at) * 1000)::bigint AS ended_at_ms,
    u.runs, u.mcpu AS used_mcpu, u.mem_mib AS used_mem_mib, u.gpus AS used_gpus;

-- fragment: instance_use
CROSS JOIN LATERAL (
    SELECT count(*) AS runs, coalesce(sum(j.mcpu), 0) AS mcpu,
        coalesce(sum(j.mem_mib), 0) AS mem_mib, coalesce(sum(j.gpus), 0) AS gpus
    FROM placement p JOIN job j ON j.id = p.job_id WHERE p.instance_id = i.id
) u;

-- Those of an environment that are not TERMINATED.
-- name: instance_page
-- params: ce_id bigint, after text, rows bigint
-- columns: INSTANCE_COL
SELECT {{instance_columns}}
FROM (
    SELECT * FROM instance
    WHERE ce_id = :ce_id AND state < :OB_INSTANCE_TERMINATED AND id > :after
    ORDER BY id LIMIT :rows
) i {{instance_use}}
ORDER BY i.id;

-- name: instance_one
-- params: ce_id bigint, instance_id text
-- columns: INSTANCE_COL
SELECT {{instance_columns}}
FROM instance i {{instance_use}}
WHERE i.id = :instance_id AND i.ce_id = :ce_id;

-- What is placed on an instance, page by page.
-- name: instance_runs
-- params: instance_id text, after_id uuid, after_idx int, rows bigint
-- columns: INSTANCE_RUN_COL
SELECT p.job_id, p.idx, j.name, j.mcpu, j.mem_mib, j.gpus, q.name AS queue,
    coalesce(l.state, :OB_JOB_STARTING) AS state, l.attempt, l.started_at_ms,
    coalesce(l.flags, 0) & (:OB_FLAG_TERMINATED | :OB_FLAG_TIMED_OUT) <> 0 AS stopping
FROM (
    SELECT job_id, idx FROM placement
    WHERE instance_id = :instance_id AND (job_id, idx) > (:after_id, :after_idx)
    ORDER BY job_id, idx LIMIT :rows
) p
JOIN job j ON j.id = p.job_id
LEFT JOIN live l ON l.job_id = p.job_id AND l.idx = p.idx
LEFT JOIN job_queue q ON q.id = j.queue_id
ORDER BY p.job_id, p.idx;

-- What the scaler says that it cannot get for an environment now: {"<why>": [[mcpu, ...], ...]}.
-- name: environment_lacking
-- params: ce_id bigint
-- columns: LACKING_COL
SELECT lacking FROM ce_status WHERE ce_id = :ce_id;

-- Points of a time, at most one a step: of several in a step the last, the most, and the sums. A
-- point holds until the next one, so the last one before the time is there, too.
-- fragment: of_time
FROM ce_usage u, (SELECT coalesce(max(at_ms), :from_ms) AS at_ms FROM ce_usage
                 WHERE ce_id = :id AND at_ms < :from_ms) AS first
WHERE u.ce_id = :id AND u.at_ms >= first.at_ms AND u.at_ms < :to_ms
GROUP BY CASE WHEN u.at_ms < :from_ms THEN -1 ELSE (u.at_ms - :from_ms) / :step_ms END
ORDER BY 1;

-- fragment: last(column)
(array_agg(u.{{column}} ORDER BY u.at_ms DESC))[1];

-- name: ce_usage
-- params: id bigint, from_ms bigint, to_ms bigint, step_ms bigint
-- columns: CE_USAGE_COL
SELECT max(u.at_ms) AS at_ms, {{last: mcpu}} AS mcpu, max(u.mcpu) AS most_mcpu,
    {{last: provisioned_mcpu}} AS provisioned_mcpu, {{last: desired_vcpus}} AS desired_vcpus,
    {{last: max_vcpus}} AS max_vcpus, {{last: instances}} AS instances
{{of_time}};
