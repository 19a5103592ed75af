-- What has become of jobs: their order, what they wait for, since when they run. Owner: scheduler.
COMMENT ON COLUMN live.ord IS 'Position in its queue: by admission, a new one with each retry';
ALTER TABLE live
    ADD COLUMN waits int,              -- dependencies that are not over: bit n stands for entry n of job.dep_ids; NULL: none
    ADD COLUMN running_at timestamptz; -- when RUNNING was written; by PostgreSQL's clock: a timeout outlives its scheduler
