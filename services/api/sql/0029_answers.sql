-- Answers to questions of the api. Owner: scheduler.

-- seq: of the question, which was a row of inbox. The scheduler deletes answers that are older than a minute with the next ones.
CREATE TABLE answer (
    seq bigint NOT NULL PRIMARY KEY,
    at_ms bigint NOT NULL,
    body text NOT NULL
);
CREATE INDEX answer_by_time ON answer (at_ms);
