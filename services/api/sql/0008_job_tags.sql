-- Tags that jobs got after they were submitted; those they were submitted with stand in job.detail, which never
-- changes. A row stands for all tags of its job. Owner: api. Deleted with its job.
CREATE TABLE job_tag (
    job_id uuid PRIMARY KEY,
    tags text NOT NULL -- JSON: {"key": "value"}
);
