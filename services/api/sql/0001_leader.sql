-- Leadership: one row a role. Owner: the leader of that role (scheduler, scaler).
CREATE TABLE leader (
    role text PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,
    round bigint NOT NULL DEFAULT 0,
    holder text NOT NULL DEFAULT ''
);
INSERT INTO leader (role) VALUES ('scheduler'), ('scaler');

-- The fence: first statement of every round. Raises when another has led since, so that nothing behind it in the pipeline
-- is committed (an empty UPDATE alone would be no error).
CREATE FUNCTION ob_fence(p_role text, p_epoch bigint, p_round bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leader SET round = p_round WHERE role = p_role AND epoch = p_epoch AND round = p_round - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'deposed: epoch % round % of % is not the next', p_epoch, p_round, p_role
            USING ERRCODE = 'OB001';
    END IF;
END $$;
