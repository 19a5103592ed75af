-- How instances are replaced when their environment's infrastructure is updated. Owner: scaler.
ALTER TABLE instance
    ADD COLUMN infra text NOT NULL DEFAULT '', -- hash of what its environment launched instances with; '': not known
    ADD COLUMN deadline_at timestamptz;        -- DRAINING: what still runs by then ends with the instance; NULL: it may finish
