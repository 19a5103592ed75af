-- Leading a role (ob/leader.h): the lock, the epoch, the fence.
-- table: ob_leader
-- include: session.sql

-- name: leader_lock
-- params: role int
-- columns: LOCK
SELECT pg_try_advisory_lock(:OB_LOCK_LEADING, :role) AS done;

-- The holder is judged only by PostgreSQL's clock: idle or in a transaction, waiting for its client
-- (or for its client to read) without a change for more than a second.
-- name: leader_end_stalled
-- params: role int
-- columns: LOCK
SELECT pg_terminate_backend(a.pid) AS done
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :OB_LOCK_LEADING AND l.objid = :role
    AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND a.pid <> pg_backend_pid() AND a.wait_event IN ('ClientRead', 'ClientWrite')
    AND a.state_change < clock_timestamp() - interval '1 second';

-- name: leader_epoch
-- params: role text, holder text
-- columns: LEADER
UPDATE leader SET epoch = epoch + 1, holder = :holder,
    counted_since = CASE WHEN counted_round = round THEN counted_since ELSE epoch + 1 END
WHERE role = :role RETURNING epoch, round, counted_round = round AS counted;

-- name: leader_plans
-- columns: none
{{by_keys: true}};

-- name: leader_fence
-- params: role text, epoch bigint, round bigint
-- columns: none
SELECT ob_fence_counted(:role, :epoch, :round);

-- name: leader_standby
-- params: application text
-- columns: STANDBY
SELECT EXISTS (
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :application
        AND pid <> pg_backend_pid()
) AS connected;
