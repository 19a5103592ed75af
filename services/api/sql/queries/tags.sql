-- Tags of resources. Tags of environments, queues, definitions and policies are part of their
-- bodies. Owner of job_tag, which has the tags of a job once they differ from the submitted ones.

-- fragment: tagged(table)
SELECT r.id, r.body FROM {{table}} r
WHERE r.account = :account AND r.region = :region AND r.name = :name;

-- fragment: environment
{{tagged: compute_environment}}
    AND NOT (r.deleting AND NOT EXISTS (SELECT FROM ce_status s WHERE s.ce_id = r.id));

-- fragment: queue
{{tagged: job_queue}}
    AND NOT (r.deleting AND NOT EXISTS (SELECT FROM queue_status s WHERE s.queue_id = r.id));

-- fragment: definition
{{tagged: job_definition}} AND r.revision = :revision;

-- name: tag_environment_find
-- params: account text, region text, name text
-- columns: TAGGED_COL
{{environment}};

-- name: tag_environment_lock
-- params: account text, region text, name text
-- columns: TAGGED_COL
{{environment}} FOR UPDATE;

-- name: tag_environment_put
-- params: id bigint, body text
UPDATE compute_environment SET body = :body WHERE id = :id;

-- name: tag_queue_find
-- params: account text, region text, name text
-- columns: TAGGED_COL
{{queue}};

-- name: tag_queue_lock
-- params: account text, region text, name text
-- columns: TAGGED_COL
{{queue}} FOR UPDATE;

-- name: tag_queue_put
-- params: id bigint, body text
UPDATE job_queue SET body = :body WHERE id = :id;

-- name: tag_definition_find
-- params: account text, region text, name text, revision int
-- columns: TAGGED_COL
{{definition}};

-- name: tag_definition_lock
-- params: account text, region text, name text, revision int
-- columns: TAGGED_COL
{{definition}} FOR UPDATE;

-- name: tag_definition_put
-- params: id bigint, body text
UPDATE job_definition SET body = :body WHERE id = :id;

-- name: tag_policy_find
-- params: account text, region text, name text
-- columns: TAGGED_COL
{{tagged: scheduling_policy}};

-- name: tag_policy_lock
-- params: account text, region text, name text
-- columns: TAGGED_COL
{{tagged: scheduling_policy}} FOR UPDATE;

-- name: tag_policy_put
-- params: id bigint, body text
UPDATE scheduling_policy SET body = :body WHERE id = :id;

-- name: tag_job_find
-- params: account text, region text, id uuid
-- columns: JOB_TAGS_COL
SELECT coalesce(t.tags, (j.detail::json -> 'tags')::text, '{}') AS tags
FROM job j LEFT JOIN job_tag t ON t.job_id = j.id
WHERE j.id = :id AND j.account = :account AND j.region = :region;

-- name: tag_job_lock
-- params: id text
-- columns: none
SELECT pg_advisory_xact_lock(hashtextextended(:id, :OB_LOCK_JOB_TAGS));

-- Not for a job that was deleted meanwhile; retention finds rows of one that is deleted later.
-- name: tag_job_put
-- params: id uuid, tags text
-- columns: none
INSERT INTO job_tag (job_id, tags)
SELECT id, :tags FROM job WHERE id = :id FOR KEY SHARE
ON CONFLICT (job_id) DO UPDATE SET tags = excluded.tags RETURNING job_id;
