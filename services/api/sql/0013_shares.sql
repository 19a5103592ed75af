-- Why jobs of a class wait: a class is told by share and priority, too. Owner: scheduler.
ALTER TABLE class_reason
    ADD COLUMN share text NOT NULL DEFAULT '',  -- '': none
    ADD COLUMN priority int NOT NULL DEFAULT 0,
    ADD COLUMN since_ms bigint NOT NULL DEFAULT 0, -- when it began to wait for the code that the reason begins with; 0: no code
    DROP CONSTRAINT class_reason_pkey,
    ADD PRIMARY KEY (queue_id, mcpu, mem_mib, gpus, share, priority);

-- What the shares of a fair-share queue have used. A row is there from the share's first job on, as long as what it used
-- counts. Owner: scheduler.
CREATE TABLE share_usage (
    queue_id bigint NOT NULL,
    share text NOT NULL,
    usage_ms bigint NOT NULL,   -- vCPU milliseconds, those of a while ago counting less, as of at_ms
    at_ms bigint NOT NULL,
    active boolean NOT NULL,    -- it has jobs that have not ended, or had some within the decay time
    PRIMARY KEY (queue_id, share)
);

-- No transition: the job is at the head of its queue and blocked. Owner: scheduler.
ALTER TABLE job_event ADD COLUMN blocked boolean NOT NULL DEFAULT false;
