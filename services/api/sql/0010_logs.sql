-- Logs by time as well as by position, and what retention needs. Owner: api.

-- Groups that a job definition or a job's output has named; /aws/batch/job is there without a row.
CREATE TABLE log_group (
    account text NOT NULL,
    region text NOT NULL,
    name text COLLATE "C" NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (account, region, name)
);
INSERT INTO log_group (account, region, name, created_at_ms)
    SELECT account, region, log_group, min(created_at_ms) FROM log_stream GROUP BY 1, 2, 3;

-- Names are listed in the order of their bytes, whatever the database's locale.
ALTER TABLE log_stream ALTER COLUMN name TYPE text COLLATE "C";
ALTER TABLE log_stream
    ADD COLUMN job_id uuid,                                -- whose output it is; NULL: not known
    ADD COLUMN idx int NOT NULL DEFAULT -1,
    ADD COLUMN first_at_ms bigint NOT NULL DEFAULT 0,      -- of its events; 0: none yet
    ADD COLUMN last_at_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN last_ingested_at_ms bigint NOT NULL DEFAULT 0;
UPDATE log_stream s SET first_at_ms = e.lo, last_at_ms = e.hi, last_ingested_at_ms = e.seen
    FROM (SELECT stream_id, min(at_ms) AS lo, max(at_ms) AS hi, max(ingested_at_ms) AS seen
          FROM log_event GROUP BY stream_id) AS e WHERE e.stream_id = s.id;
CREATE INDEX log_stream_by_time ON log_stream (account, region, log_group, last_at_ms, id);

-- Within a stream at_ms never falls, so (at_ms, n) is the order of n.
UPDATE log_event l SET at_ms = e.at_ms
    FROM (SELECT stream_id, n, max(at_ms) OVER (PARTITION BY stream_id ORDER BY n) AS at_ms FROM log_event) AS e
    WHERE e.stream_id = l.stream_id AND e.n = l.n AND e.at_ms <> l.at_ms;
ALTER TABLE log_event DROP CONSTRAINT log_event_pkey;
ALTER TABLE log_event ADD PRIMARY KEY (stream_id, at_ms, n);
-- Of many streams at a time, and the oldest first for retention.
CREATE INDEX log_event_by_time ON log_event (at_ms, stream_id, n);

ALTER TABLE job_definition ADD COLUMN inactive_since_ms bigint; -- NULL: active
UPDATE job_definition SET inactive_since_ms = (extract(epoch FROM now()) * 1000)::bigint WHERE NOT active;
