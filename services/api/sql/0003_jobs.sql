-- Jobs as accepted, and what other services must act on. Owner: api (inbox rows are deleted by their consumer in the
-- transaction that acts on them).
CREATE TABLE job (
    id uuid PRIMARY KEY,            -- time-ordered
    queue_id bigint NOT NULL,
    definition text NOT NULL,       -- name, without revision: the log stream's prefix
    name text NOT NULL,
    array_size int NOT NULL DEFAULT 0, -- 0: a single job
    mcpu int NOT NULL,
    mem_mib int NOT NULL,
    gpus int NOT NULL DEFAULT 0,
    created_at_ms bigint NOT NULL,
    detail text NOT NULL            -- JSON: the members of JobDetail that never change (resolved, merged)
);
CREATE INDEX job_by_queue ON job (queue_id, id);

CREATE TABLE inbox (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    consumer smallint NOT NULL,     -- 1 scheduler, 2 scaler
    kind smallint NOT NULL,         -- 1 submit, 2 cancel, 3 terminate (job_id, idx, reason); 4 queue (ref), 5 compute environment (ref)
    job_id uuid,
    idx int NOT NULL DEFAULT -1,
    ref bigint,
    reason text,
    PRIMARY KEY (consumer, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);
-- A cancel or terminate shows in DescribeJobs at once.
CREATE INDEX inbox_stops ON inbox (job_id) WHERE kind IN (2, 3);

CREATE TABLE submit_once (
    key_id text NOT NULL,
    invocation_id text NOT NULL,
    body_hash bytea NOT NULL,
    job_id uuid NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (key_id, invocation_id)
);
