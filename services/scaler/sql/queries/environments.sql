-- Compute environments: their settings, their status, and requests about them.
-- table: scaler

-- Environments that exist, or that have something left to remove. status_version is NULL if there
-- is no ce_status row.
-- name: environments
-- columns: ENV
SELECT e.id, e.name, e.version, e.enabled, e.deleting, e.resource_type, e.min_vcpus, e.max_vcpus,
    e.desired_vcpus, e.body, s.version AS status_version, s.desired_vcpus AS status_desired_vcpus,
    s.lacking AS status_lacking, s.shapes AS status_shapes, s.valid AS status_valid,
    s.reason AS status_reason, upper(e.type) = 'MANAGED' AS managed,
    e.uuid, e.eks_cluster_arn, e.kubernetes_namespace
FROM compute_environment e
LEFT JOIN ce_status s ON s.ce_id = e.id
WHERE NOT e.deleting OR s.ce_id IS NOT NULL OR EXISTS (
    SELECT 1 FROM instance i WHERE i.ce_id = e.id AND i.state < :OB_INSTANCE_TERMINATED
)
ORDER BY e.id;

-- name: status_put
-- params: STATUS = ce_id bigint[], version bigint[], desired_vcpus int[], shapes text[],
--     lacking text[], valid int[], reason text[]
INSERT INTO ce_status (ce_id, version, valid, reason, desired_vcpus, shapes, lacking)
SELECT m.ce_id, m.version, m.valid = 1, m.reason, m.desired_vcpus, m.shapes, m.lacking
FROM {{rows: m}} JOIN compute_environment e ON e.id = m.ce_id
ON CONFLICT (ce_id) DO UPDATE
SET version = excluded.version, valid = excluded.valid, reason = excluded.reason,
    desired_vcpus = excluded.desired_vcpus, shapes = excluded.shapes, lacking = excluded.lacking;

-- name: status_delete
-- params: ce_ids bigint[]
DELETE FROM ce_status s WHERE ce_id = ANY (:ce_ids) AND NOT EXISTS (
    SELECT 1 FROM instance i WHERE i.ce_id = s.ce_id AND i.state < :OB_INSTANCE_TERMINATED
);

-- A clock that was set back may come to the time of another point.
-- name: usage_put
-- params: USAGE = ce_id bigint[], at_ms bigint[], mcpu bigint[], provisioned_mcpu bigint[],
--     desired_vcpus int[], max_vcpus int[], instances int[]
INSERT INTO ce_usage ({{names}}) SELECT {{names}} FROM {{rows: m}}
ON CONFLICT (ce_id, at_ms) DO UPDATE
SET mcpu = excluded.mcpu, provisioned_mcpu = excluded.provisioned_mcpu,
    desired_vcpus = excluded.desired_vcpus, max_vcpus = excluded.max_vcpus,
    instances = excluded.instances;

-- instance_id: the instance to interrupt; NULL: the row announces an environment.
-- name: inbox
-- columns: INBOX
SELECT seq, instance_id FROM inbox WHERE consumer = :OB_INBOX_SCALER ORDER BY seq LIMIT 1000;

-- name: inbox_delete
-- params: seqs bigint[]
DELETE FROM inbox WHERE consumer = :OB_INBOX_SCALER AND seq = ANY (:seqs);
