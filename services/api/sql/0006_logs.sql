-- Output of containers, as CloudWatch Logs shows it. Owner: api.
CREATE TABLE log_stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    region text NOT NULL,
    log_group text NOT NULL,
    name text NOT NULL,
    created_at_ms bigint NOT NULL,
    end_offset bigint NOT NULL DEFAULT 0, -- bytes of output stored; a chunk brings what lies past it
    lines bigint NOT NULL DEFAULT 0,
    UNIQUE (account, region, log_group, name)
);
CREATE TABLE log_event (
    stream_id bigint NOT NULL,
    n bigint NOT NULL,                  -- from 0
    at_ms bigint NOT NULL,
    ingested_at_ms bigint NOT NULL,
    message bytea NOT NULL,
    PRIMARY KEY (stream_id, n)
);
