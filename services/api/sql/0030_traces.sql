-- Traces. Owner: api (job: never updated).

-- The valid traceparent of the SubmitJob request (W3C Trace Context); NULL: none.
ALTER TABLE job ADD COLUMN traceparent text;
