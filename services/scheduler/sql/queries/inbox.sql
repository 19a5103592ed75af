-- Requests that wait for the scheduler, in their order.
-- table: scheduler
-- include: job.sql

-- name: inbox
-- params: rows bigint
-- columns: JOB then INBOX
SELECT {{job: j.dep_ids}}, j.failure, i.seq, i.kind, i.job_id, i.idx, i.ref, i.reason
FROM (
    SELECT * FROM inbox WHERE consumer = :OB_INBOX_SCHEDULER ORDER BY seq LIMIT :rows
) i
LEFT JOIN job j ON j.id = i.job_id
ORDER BY i.seq;

-- Run in the round that acts on them.
-- name: inbox_delete
-- params: seqs bigint[]
DELETE FROM inbox WHERE consumer = :OB_INBOX_SCHEDULER AND seq = ANY (:seqs);
