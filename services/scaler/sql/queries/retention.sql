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
