-- The rest of the job model: dependencies, retries, timeouts, shares, policies.
-- Owner: api (job: never updated).
ALTER TABLE job
    ADD COLUMN attempts smallint NOT NULL DEFAULT 1, -- retryStrategy.attempts: in all
    ADD COLUMN on_exit text,                         -- JSON: retryStrategy.evaluateOnExit as sent; NULL: none
    ADD COLUMN timeout_s int NOT NULL DEFAULT 0,     -- attemptDurationSeconds; 0: none
    ADD COLUMN share text,                           -- shareIdentifier; NULL: none
    ADD COLUMN priority int NOT NULL DEFAULT 0,      -- scheduling priority within its share
    ADD COLUMN dep_ids uuid[],                       -- NULL: depends on nothing. Entry n of the three says one dependency:
    ADD COLUMN dep_idxs int[],                       --   a child's index, or -1: the whole job
    ADD COLUMN dep_types smallint[];                 --   0 plain, 1 N_TO_N, 2 SEQUENTIAL (dep_ids: the job's own id)

-- Owner: api.
CREATE TABLE scheduling_policy (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    body text NOT NULL, -- JSON: fairsharePolicy, quotaSharePolicy, as sent and defaulted
    version bigint NOT NULL DEFAULT 1,
    UNIQUE (account, region, name)
);
ALTER TABLE job_queue
    ADD COLUMN policy_id bigint, -- NULL: first in, first out, for the queue's life
    ADD COLUMN time_limits text; -- JSON: jobStateTimeLimitActions; NULL: none
ALTER TABLE compute_environment
    ADD COLUMN unmanaged_vcpus int; -- UNMANAGED only: stands for maxvCpus in a fair share's reservation

-- Owner: scheduler. Position in its queue of a job that was retried; NULL: by its id.
ALTER TABLE live ADD COLUMN ord bigint;

-- Owner: scheduler. The front of a queue as it will be served, and who uses what; written when it has changed, at most
-- about once a second. body, JSON: {"front": [[job id or id:index, since when (ms)], ... up to 100],
-- "mcpu": in use, "shares": [[shareIdentifier, mcpu in use], ... largest first, up to 20], "activeShares": n}
CREATE TABLE queue_snapshot (
    queue_id bigint PRIMARY KEY,
    body text NOT NULL,
    updated_at_ms bigint NOT NULL
);
