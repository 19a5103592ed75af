-- Shown times never fall within a job, also under the next leader. Owner: scheduler.
ALTER TABLE live
    ADD COLUMN told_at_ms bigint; -- STARTING, RUNNING: of the last event; an array: when a child stopped last
