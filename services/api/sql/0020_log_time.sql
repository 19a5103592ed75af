-- A stream is found by its name through one index only. Owner: api.

-- The columns that lead to a name led into the index by time as well. Of a table that has just been filled PostgreSQL
-- does not know that a group has many streams, and read all of them for each name. An expression leads nowhere else.
DROP INDEX log_stream_by_time;
CREATE INDEX log_stream_by_time ON log_stream ((account || ' ' || region || ' ' || log_group), last_at_ms, id);
