-- When an attempt came how far. Owner: scheduler.

-- NULL: of an earlier version.
ALTER TABLE placement ADD COLUMN placed_at_ms bigint;

-- pulled_ms, created_ms: from placed_at_ms until its image, its container was there. NULL: unknown, or not reached.
ALTER TABLE attempt
    ADD COLUMN runnable_at_ms bigint,
    ADD COLUMN placed_at_ms bigint,
    ADD COLUMN pulled_ms int,
    ADD COLUMN created_ms int;
