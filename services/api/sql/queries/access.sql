-- What authorisation needs to know about the resources in a request. Reads only.

-- The facts about a job that policies use.
-- fragment: job_facts
SELECT j.detail::json ->> 'jobQueue' AS queue_arn,
    coalesce((SELECT t.tags FROM job_tag t WHERE t.job_id = j.id), j.detail::json ->> 'tags') AS tags;

-- fragment: tags_of(table)
SELECT body::json ->> 'tags' AS tags FROM {{table}}
WHERE account = :account AND region = :region AND name = :name;

-- name: access_job
-- params: account text, region text, id uuid
-- columns: JOB_FACTS_COL
{{job_facts}} FROM job j 
WHERE j.id = :id AND j.account = :account AND j.region = :region;

-- name: access_stream
-- params: account text, region text, log_group text, name text
-- columns: JOB_FACTS_COL
{{job_facts}} FROM log_stream s LEFT JOIN job j ON j.id = s.job_id
WHERE s.account = :account AND s.region = :region AND s.log_group = :log_group AND s.name = :name;

-- name: access_tags_environment
-- params: account text, region text, name text
-- columns: ACCESS_TAGS_COL
{{tags_of: compute_environment}};

-- name: access_tags_queue
-- params: account text, region text, name text
-- columns: ACCESS_TAGS_COL
{{tags_of: job_queue}};

-- name: access_tags_policy
-- params: account text, region text, name text
-- columns: ACCESS_TAGS_COL
{{tags_of: scheduling_policy}};

-- name: access_tags_definition
-- params: account text, region text, name text, revision int
-- columns: ACCESS_TAGS_COL
{{tags_of: job_definition}} AND revision = :revision;
