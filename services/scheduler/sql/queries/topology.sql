-- Queues, environments and instances: all of them, or some.
-- table: scheduler

-- fragment: queues
SELECT q.id, q.name, q.priority, q.enabled, q.deleting, q.ce_ids, q.version,
    s.version AS known_version, q.policy_id IS NOT NULL AS fair, p.body AS policy, q.time_limits
FROM job_queue q
LEFT JOIN queue_status s ON s.queue_id = q.id
LEFT JOIN scheduling_policy p ON p.id = q.policy_id;

-- max_vcpus: of an unmanaged one what its jobs may use at a time; 0: there is no maximum.
-- fragment: environments
SELECT c.id, c.name, coalesce(c.eks_cluster_arn, c.name || '_Batch_' || c.uuid) AS cluster,
    c.enabled AND NOT c.deleting AS enabled, coalesce(s.valid, false) AS valid,
    CASE WHEN c.type <> 'UNMANAGED' THEN c.max_vcpus
        WHEN c.eks_cluster_arn IS NULL THEN 0
        ELSE coalesce(c.unmanaged_vcpus, 0) END AS max_vcpus,
    s.shapes, s.lacking, c.resource_type LIKE 'FARGATE%' AS exact,
    c.type = 'UNMANAGED' AS unmanaged, c.unmanaged_vcpus AS share_vcpus
FROM compute_environment c
LEFT JOIN ce_status s ON s.ce_id = c.id;

-- joined: it was started by hand, so only its executor can end it. doubtful: LAUNCHING, and may
-- never come.
-- fragment: instances
SELECT id, ce_id, mcpu, mem_mib, gpus, vcpus, state, token_hash, key_salt, type = 'unmanaged' AS joined,
    doubtful AND state = :OB_INSTANCE_LAUNCHING AS doubtful
FROM instance;

-- name: queues
-- columns: QUEUE
{{queues}};

-- name: queues_of
-- params: ids bigint[]
-- columns: QUEUE
{{queues}} WHERE q.id = ANY (:ids);

-- name: ces
-- columns: CE
{{environments}};

-- name: ces_of
-- params: ids bigint[]
-- columns: CE
{{environments}} WHERE c.id = ANY (:ids);

-- Instances that are not TERMINATED, and those that have runs.
-- name: instances
-- columns: INSTANCE
{{instances}} WHERE state < :OB_INSTANCE_TERMINATED
UNION {{instances}} WHERE id IN (SELECT instance_id FROM placement);

-- name: instances_of
-- params: ids text[]
-- columns: INSTANCE
{{instances}} WHERE id = ANY (:ids);
