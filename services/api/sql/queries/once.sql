-- Records of the first answer of a call. Both the submitting thread and the workers use them.

-- name: find_once
-- params: key_id text, invocation_id text, body_hash bytea
-- columns: ONCE_COL
SELECT job_id, body_hash = :body_hash AS same_body FROM submit_once
WHERE key_id = :key_id AND invocation_id = :invocation_id;

-- Waits for a transaction that is writing this call, in any process.
-- name: refuse_once
-- params: key_id text, invocation_id text, body_hash bytea, job_id uuid, created_at_ms bigint
INSERT INTO submit_once (key_id, invocation_id, body_hash, job_id, created_at_ms)
VALUES (:key_id, :invocation_id, :body_hash, :job_id, :created_at_ms) ON CONFLICT DO NOTHING;
