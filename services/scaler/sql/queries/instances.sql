-- Instances and their life cycle. The rows of an UPDATE are locked in id order first: the scheduler
-- locks them in that order too.
-- table: scaler

-- Instances that have not ended.
-- name: instances
-- columns: INSTANCE_ROW
SELECT id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state, token_hash, key_salt, infra,
    deadline_at IS NOT NULL AS has_deadline,
    doubtful AND state = :OB_INSTANCE_LAUNCHING AS doubtful, node_name, node_uid
FROM instance WHERE state < :OB_INSTANCE_TERMINATED ORDER BY id;

-- The placements on them.
-- name: instance_use
-- columns: USE
SELECT p.instance_id, count(*) AS runs, sum(j.mcpu) AS mcpu, sum(j.mem_mib) AS mem_mib,
    sum(j.gpus) AS gpus
FROM placement p JOIN job j ON j.id = p.job_id GROUP BY p.instance_id;

-- Instances without a placement.
-- name: instances_empty
-- params: ids text[]
-- columns: EMPTY
SELECT id FROM unnest(:ids) AS m(id)
WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.instance_id = m.id);

-- name: instances_overdue
-- params: ids text[]
-- columns: OVERDUE
SELECT id FROM instance
WHERE id = ANY (:ids) AND state = :OB_INSTANCE_DRAINING AND deadline_at <= now()
    AND EXISTS (SELECT 1 FROM placement p WHERE p.instance_id = instance.id);

-- name: instance_insert
-- params: NEW_INSTANCE = id text[], ce_id bigint[], type text[], spot int[], mcpu int[],
--     mem_mib int[], gpus int[], vcpus int[], doubtful int[], key_salt text[], infra text[],
--     node_name text[], node_uid text[]
INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state, token_hash, key_salt,
    infra, doubtful, node_name, node_uid)
SELECT id, ce_id, type, spot = 1, mcpu, mem_mib, gpus, vcpus, :OB_INSTANCE_LAUNCHING, '', key_salt,
    infra, doubtful = 1, node_name, node_uid
FROM {{rows: m}};

-- An instance that was started by hand, if its join token is one of that environment and its id is
-- new.
-- name: instance_join
-- params: JOINING = id text, type text, mcpu int, mem_mib int, gpus int, key_salt text,
--     join_hash text, ce text
-- columns: JOINED
INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state, token_hash, key_salt,
    infra)
SELECT :id, c.id, :type, false, :mcpu, :mem_mib, :gpus, 0, :OB_INSTANCE_LAUNCHING, '', :key_salt, ''
FROM join_token t JOIN compute_environment c ON c.id = t.ce_id
WHERE t.hash = :join_hash AND c.name = :ce AND upper(c.type) = 'UNMANAGED' AND NOT c.deleting
ON CONFLICT (id) DO NOTHING
RETURNING ce_id;

-- Clears the doubtful mark.
-- name: instance_found
-- params: ids text[]
-- columns: MOVED
UPDATE instance i SET doubtful = false
FROM (SELECT id FROM instance WHERE id = ANY (:ids) AND doubtful ORDER BY id FOR UPDATE) l
WHERE i.id = l.id RETURNING i.id;

-- The sizes of nodes' instances, which others' pods change.
-- name: instance_resize
-- params: RESIZE = id text[], mcpu int[], mem_mib int[], gpus int[]
-- columns: MOVED
UPDATE instance i SET mcpu = l.mcpu, mem_mib = l.mem_mib, gpus = l.gpus
FROM (SELECT n.id, m.mcpu, m.mem_mib, m.gpus FROM instance n
    JOIN {{rows: m}} ON m.id = n.id WHERE n.state < :OB_INSTANCE_LOST ORDER BY n.id FOR UPDATE OF n) l
WHERE i.id = l.id RETURNING i.id;

-- Another key; messages under the one before, or in clear, do not count any more.
-- name: instance_set_key
-- params: id text, key_salt text
UPDATE instance SET key_salt = :key_salt, token_hash = ''
WHERE id = :id AND state < :OB_INSTANCE_TERMINATED;

-- fragment: move(which, more)
UPDATE instance i SET state = :state, reason = coalesce(:reason, i.reason),
    active_at = CASE WHEN :state = :OB_INSTANCE_ACTIVE THEN now() ELSE i.active_at END,
    ended_at = CASE WHEN :state = :OB_INSTANCE_TERMINATED THEN now() ELSE i.ended_at END
    {{more}}
FROM (SELECT id FROM instance WHERE id = ANY (:ids) AND {{which}} ORDER BY id FOR UPDATE) l
WHERE i.id = l.id RETURNING i.id;

-- from_states has a bit for each state: 1 << state. deadline_ms sets the deadline, from now, unless
-- it is earlier; -1 leaves it.
-- name: instance_advance
-- params: ADVANCE = ids text[], state int, reason text, from_states int, deadline_ms bigint
-- columns: MOVED
{{move: (1 << state) & :from_states <> 0;
    , deadline_at = CASE WHEN :deadline_ms < 0 THEN i.deadline_at
        ELSE least(i.deadline_at, now() + :deadline_ms * interval '1 ms') END}};

-- DRAINING and LOST are committed earlier: nothing can be placed on these instances any more, so a
-- placement that does not exist now never will.
-- name: instance_end_empty
-- params: ids text[], state int, reason text
-- columns: MOVED
{{move: state IN (:OB_INSTANCE_DRAINING, :OB_INSTANCE_LOST)
    AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.instance_id = instance.id);
}};
