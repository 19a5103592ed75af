-- Stopping all jobs of a queue that match: one request, carried out in steps.

-- What is to be stopped. Owner: api (never updated; deleted a while after it has been carried out).
CREATE TABLE stop_request (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    region text NOT NULL,
    queue_id bigint NOT NULL,
    states int NOT NULL,            -- bit n: jobs in state n of ob_job_state; an array by its parent's state
    name_prefix text,               -- NULL, as below: any
    definition text,
    revision int NOT NULL,          -- of the definition; 0: any
    share text,
    terminate boolean NOT NULL,     -- false: cancel
    reason text NOT NULL,
    created_at_ms bigint NOT NULL   -- later jobs are not meant
);

-- How far that is. Owner: scheduler.
CREATE TABLE stop_progress (
    stop_id bigint PRIMARY KEY,
    after_id uuid,                  -- living jobs up to this one have been looked at; NULL: none
    looked bigint NOT NULL DEFAULT 0,  -- rows of live, of all queues
    matched bigint NOT NULL DEFAULT 0, -- jobs that were stopped
    begun_at_ms bigint NOT NULL,
    finished_at_ms bigint           -- NULL: not yet
);
CREATE INDEX stop_progress_open ON stop_progress (stop_id) WHERE finished_at_ms IS NULL;

-- inbox.kind 7 stop all that match (ref: stop_request), consumer 1.
