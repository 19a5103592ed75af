-- Jobs and children of arrays by state. Owner: scheduler.

-- Seven numbers each, in ob_job_state's order; a parent is a job. Of what has ended, what the queue has ever had (jobs
-- that are deleted later count as well). NULL: a scheduler of an earlier version has led; the next one counts once.
ALTER TABLE queue_snapshot
    ADD COLUMN jobs bigint[],
    ADD COLUMN children bigint[],
    ADD COLUMN counted_at_ms bigint; -- when they were true; written by each round that ends something, otherwise on change, at most about once a second
