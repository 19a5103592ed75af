-- Jobs and children of arrays by state. Owner: scheduler.

-- Which rounds counted. Owner: the leader of the role.
ALTER TABLE leader
    ADD COLUMN counted_round bigint NOT NULL DEFAULT 0, -- the last round of a version that counts; if it is not the last of all, an earlier version has led since, and what is counted is wrong
    ADD COLUMN counted_since bigint NOT NULL DEFAULT 0; -- the epoch that counted anew for that reason

CREATE FUNCTION ob_fence_counted(p_role text, p_epoch bigint, p_round bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leader SET round = p_round, counted_round = p_round
    WHERE role = p_role AND epoch = p_epoch AND round = p_round - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'deposed: epoch % round % of % is not the next', p_epoch, p_round, p_role
            USING ERRCODE = 'OB001';
    END IF;
END $$;

-- Seven numbers each, in ob_job_state's order; a parent is a job. Of what has ended, what the queue has ever had (jobs
-- that are deleted later count as well). NULL: a scheduler of an earlier version has led; the next one counts once.
ALTER TABLE queue_snapshot
    ADD COLUMN jobs bigint[],
    ADD COLUMN children bigint[],
    ADD COLUMN counted_at_ms bigint; -- when they were true; written by each round that ends something, otherwise on change, at most about once a second
