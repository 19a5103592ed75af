-- The statements of retention.
-- table: scaler_retention

-- name: past_instances
-- params: kept_s bigint, rows bigint
-- columns: none
DELETE FROM instance WHERE id = ANY (ARRAY(
    SELECT i.id FROM instance i
    WHERE i.state = :OB_INSTANCE_TERMINATED AND i.ended_at < now() - :kept_s * interval '1 s'
        AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.instance_id = i.id)
    LIMIT :rows
))
RETURNING 1;

-- Old points of the first environment behind :after that has any. Its id is NULL behind the last one.
-- name: past_usage
-- params: after bigint, before_ms bigint, rows bigint
-- columns: PAST_USAGE
WITH first AS (SELECT min(ce_id) AS id FROM ce_usage WHERE ce_id > :after),
gone AS (
    DELETE FROM ce_usage WHERE ctid = ANY (ARRAY(
        SELECT u.ctid FROM ce_usage u JOIN first ON u.ce_id = first.id
        WHERE u.at_ms < :before_ms ORDER BY u.ce_id, u.at_ms LIMIT :rows
    ))
    RETURNING 1
)
SELECT id, (SELECT count(*) FROM gone) AS deleted FROM first;
