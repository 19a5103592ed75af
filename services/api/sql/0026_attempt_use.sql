-- What an attempt has used. Owner: scheduler.

-- NULL: unknown, also of attempts of earlier versions. cpu_ms: of all processors. peak_bytes: the most memory at a time.
ALTER TABLE attempt
    ADD COLUMN cpu_ms bigint,
    ADD COLUMN peak_bytes bigint;
