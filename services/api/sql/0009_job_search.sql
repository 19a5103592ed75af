-- Jobs by name, definition, share and time; what else a job brings along. Owner: api (job: never updated).
ALTER TABLE job
    ADD COLUMN revision int NOT NULL DEFAULT 0, -- of its definition
    ADD COLUMN task_tags text,                  -- JSON: tags that its containers get (propagateTags); NULL: none
    ADD COLUMN failure text;                    -- statusReason of a job that fails as soon as it is looked at; NULL: it does not

-- Newest first is descending id: ids are time-ordered and begin with createdAt.
CREATE INDEX job_by_name ON job (queue_id, lower(name) COLLATE "C", id);
CREATE INDEX job_by_definition ON job (queue_id, definition COLLATE "C", id) INCLUDE (revision);
CREATE INDEX job_by_share ON job (queue_id, share, id) WHERE share IS NOT NULL;
