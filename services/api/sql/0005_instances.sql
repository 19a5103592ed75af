-- Instances and their life cycle. Owner: scaler. Rows are changed in id order, in short transactions.
CREATE TABLE instance (
    id text PRIMARY KEY,                -- i-...; the provider's client token too
    ce_id bigint NOT NULL,
    type text NOT NULL,                 -- m5.large
    spot boolean NOT NULL,
    mcpu int NOT NULL,                  -- what jobs can use of it
    mem_mib int NOT NULL,
    gpus int NOT NULL DEFAULT 0,
    vcpus int NOT NULL,                 -- nominal, counts against maxvCpus
    state smallint NOT NULL,            -- ob_instance_state: 0 LAUNCHING, 1 ACTIVE, 2 DRAINING, 3 LOST, 4 TERMINATED
    reason text,
    token_hash text NOT NULL,           -- SHA-256 (hex) of the token that the executor signs its messages with
    launched_at timestamptz NOT NULL DEFAULT now(),
    active_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX instance_alive ON instance (ce_id) WHERE state < 4;

-- Called in a round for the instances it places on: locks them in id order and raises when one is no longer ACTIVE.
CREATE FUNCTION ob_lock_instances(p_ids text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    found_rows int;
BEGIN
    PERFORM 1 FROM instance WHERE id = ANY (p_ids) AND state = 1 ORDER BY id FOR SHARE;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows < cardinality(p_ids) THEN
        RAISE EXCEPTION 'an instance of this round is no longer active' USING ERRCODE = 'OB002';
    END IF;
END $$;
