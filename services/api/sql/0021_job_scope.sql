-- Whose a job is: statements on what is the caller's compare columns, not how detail begins. Owner: api (job: never
-- updated).

-- detail begins {"jobArn":"arn:aws:batch:<region>:<account>:job/ ... A generated column fills the rows that are there in one
-- pass that leaves nothing dead behind; then it becomes an ordinary one.
ALTER TABLE job
    ADD COLUMN account text NOT NULL GENERATED ALWAYS AS (split_part(left(detail, 200), ':', 6)) STORED,
    ADD COLUMN region text NOT NULL GENERATED ALWAYS AS (split_part(left(detail, 200), ':', 5)) STORED;
ALTER TABLE job
    ALTER COLUMN account DROP EXPRESSION,
    ALTER COLUMN region DROP EXPRESSION;
