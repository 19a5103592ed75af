-- How queues and environments were used over time. Owner of queue_usage: scheduler; of ce_usage: scaler.

-- A point holds until the next one, which comes after 10 s at the earliest and after 10 minutes at the latest. Counted are
-- jobs, and children of arrays in place of their parents. placed: STARTING and RUNNING; waiting: RUNNABLE. succeeded,
-- failed: since the point before.
CREATE TABLE queue_usage (
    queue_id bigint NOT NULL,
    at_ms bigint NOT NULL,
    mcpu bigint NOT NULL,
    placed int NOT NULL,
    waiting int NOT NULL,
    succeeded int NOT NULL,
    failed int NOT NULL,
    PRIMARY KEY (queue_id, at_ms)
);

-- mcpu: in use by jobs. provisioned_mcpu: of instances that take jobs or drain. desired_vcpus: also of those that are launched.
CREATE TABLE ce_usage (
    ce_id bigint NOT NULL,
    at_ms bigint NOT NULL,
    mcpu bigint NOT NULL,
    provisioned_mcpu bigint NOT NULL,
    desired_vcpus int NOT NULL,
    max_vcpus int NOT NULL,
    instances int NOT NULL,
    PRIMARY KEY (ce_id, at_ms)
);
