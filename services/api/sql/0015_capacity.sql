-- Interruptions, and executors that join unmanaged environments.

-- inbox.kind 6 interrupt (instance_id), consumer 2.
ALTER TABLE inbox
    ADD COLUMN instance_id text;

-- What lets an executor join an unmanaged compute environment. Owner: api; the scaler reads it.
CREATE TABLE join_token (
    hash text PRIMARY KEY,          -- SHA-256 (hex); the token itself is shown once
    ce_id bigint NOT NULL REFERENCES compute_environment ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX join_token_by_ce ON join_token (ce_id);
