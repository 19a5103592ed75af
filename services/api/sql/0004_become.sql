-- What has become of jobs. Owner: scheduler. No foreign keys and no index on a column that changes with a transition.
-- idx -1: a job, or an array's parent; >= 0: a child that differs from its siblings.
CREATE TABLE live (
    job_id uuid NOT NULL,
    idx int NOT NULL,
    state smallint NOT NULL,
    run int NOT NULL DEFAULT 0,         -- number of the current run, or of the last one
    attempt int NOT NULL DEFAULT 0,     -- number of the current attempt; attempts ended = rows in attempt
    instance_id text,                   -- of the current run
    ce_id bigint,
    started_at_ms bigint,               -- of the current attempt
    runnable_at_ms bigint,
    reason text,                        -- statusReason, but for RUNNABLE: class_reason then
    flags smallint NOT NULL DEFAULT 0,  -- 1 cancelled, 2 terminated
    stop_reason text,                   -- the caller's reason of a termination under way
    bulk_state smallint,                -- an array's parent: state of the children that have no row
    bulk_reason text,
    counts int[],                       -- an array's parent: children by state, seven numbers in ob_job_state's order
    PRIMARY KEY (job_id, idx)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

-- Which runs are on an instance. Insert and delete only.
CREATE TABLE placement (
    instance_id text NOT NULL,
    job_id uuid NOT NULL,
    idx int NOT NULL,
    run int NOT NULL,
    PRIMARY KEY (instance_id, job_id, idx)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE attempt (
    job_id uuid NOT NULL,
    idx int NOT NULL,
    attempt int NOT NULL,               -- from 1
    run int NOT NULL,
    instance_id text NOT NULL,
    cluster text NOT NULL,              -- <environment>_Batch_<uuid>
    exit_code int,
    container_reason text,
    reason text NOT NULL,               -- statusReason
    started_at_ms bigint,               -- NULL: it never ran
    stopped_at_ms bigint NOT NULL,
    PRIMARY KEY (job_id, idx, attempt)
);

CREATE TABLE done (
    job_id uuid NOT NULL,
    idx int NOT NULL,
    queue_id bigint NOT NULL,
    state smallint NOT NULL,            -- SUCCEEDED, FAILED
    reason text,
    started_at_ms bigint,
    stopped_at_ms bigint NOT NULL,
    flags smallint NOT NULL DEFAULT 0,
    bulk_state smallint,                -- as live: what the children without a row of their own are
    bulk_reason text,
    counts int[],
    PRIMARY KEY (job_id, idx)
);
CREATE INDEX done_by_queue ON done (queue_id, state, job_id) WHERE idx = -1;

-- Why jobs of a class wait: statusReason of their RUNNABLE jobs.
CREATE TABLE class_reason (
    queue_id bigint NOT NULL,
    mcpu int NOT NULL,
    mem_mib int NOT NULL,
    gpus int NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (queue_id, mcpu, mem_mib, gpus)
);

-- Every transition, numbered by (round, n); the publisher turns it into batch.job-state. A range of children is one row.
CREATE TABLE job_event (
    round bigint NOT NULL,
    n int NOT NULL,
    at_ms bigint NOT NULL,
    job_id uuid NOT NULL,
    idx_lo int NOT NULL,                -- -1 .. -1: a job or an array's parent
    idx_hi int NOT NULL,
    state smallint NOT NULL,
    attempt int NOT NULL DEFAULT 0,     -- attempts ended so far
    run int NOT NULL DEFAULT 0,
    instance_id text,
    cluster text,
    started_at_ms bigint,
    stopped_at_ms bigint,
    exit_code int,
    container_reason text,
    reason text,
    flags smallint NOT NULL DEFAULT 0,
    counts int[],
    PRIMARY KEY (round, n)
);
-- How far batch.job-state has been written and acknowledged; the topic's end offset then (a lower one: the topic was wiped).
CREATE TABLE publisher (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    epoch bigint NOT NULL DEFAULT 0,
    round bigint NOT NULL DEFAULT 0,
    n int NOT NULL DEFAULT 0,
    topic_end bigint NOT NULL DEFAULT 0
);
INSERT INTO publisher DEFAULT VALUES;
