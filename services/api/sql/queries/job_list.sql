-- Pages of ListJobs (job_list.c describes the search).
--
-- The statements fix their own plan: each source of ids is an index in its order, behind OFFSET 0,
-- which the planner cannot see through; conditions are checked row by row (LATERAL); and a page is
-- one transaction in which no other plan is possible. Otherwise a plan for a table with old or
-- missing statistics would read all of it.
-- include: jobs.sql

-- The unchanging members of JobSummary. Jobs older than job.revision have it only in their text.
-- fragment: summary
json_build_object('jobName', j.name, 'createdAt', j.created_at_ms, 'revision', j.revision,
    'shareIdentifier', j.share, 'mcpu', j.mcpu, 'eks',
    (SELECT q.body::json ->> 'jobQueueType' = 'EKS' FROM job_queue q WHERE q.id = j.queue_id),
    'jobDefinition',
    CASE WHEN j.revision = 0
         THEN substring(j.detail FROM '"jobDefinition":"([^"]*)"') END)::text;

-- fragment: rows_of(ids, position, sorting)
SELECT {{job_columns: {{summary}}}}, {{position}} AS position
FROM ({{ids}}) AS r JOIN job j ON j.id = r.id {{job_joins}}
ORDER BY {{sorting}};

-- fragment: by_id(ids)
{{rows_of: {{ids}}; j.id; j.id DESC}};

-- fragment: span(id)
AND (:below IS NULL OR {{id}} < :below) AND {{id}} >= :floor;

-- fragment: of_share
AND (:share IS NULL OR q.share = :share);

-- The queue's own jobs.
-- fragment: jobs
(SELECT q.id FROM job q WHERE q.queue_id = :queue_id {{of_share}} {{span: q.id}}
    ORDER BY q.id DESC OFFSET 0) AS w;

-- fragment: is_ours(id)
CROSS JOIN LATERAL (SELECT q.id FROM job q
    WHERE q.id = {{id}} AND q.queue_id = :queue_id {{of_share}} OFFSET 0) AS w;

-- fragment: in_state(table)
CROSS JOIN LATERAL (SELECT FROM {{table}} s
    WHERE s.job_id = w.id AND s.idx = -1 AND s.state = :state OFFSET 0) AS o;

-- Along the living jobs of all queues.
-- name: list_waiting
-- params: LIST_STATE = queue_id bigint, state int, below uuid, rows bigint, share text, floor uuid
-- columns: JOB_COL then LIST_COL
{{by_id:
    SELECT l.job_id AS id, -1 AS idx
    FROM (SELECT s.job_id FROM live s WHERE s.idx = -1 AND s.state = :state {{span: s.job_id}}
        ORDER BY s.job_id DESC OFFSET 0) AS l
    {{is_ours: l.job_id}}
    ORDER BY l.job_id DESC LIMIT :rows
}};

-- Along the queue's own jobs.
-- name: list_waiting_ours
-- params: LIST_STATE
-- columns: JOB_COL then LIST_COL
{{by_id:
    SELECT w.id, -1 AS idx FROM {{jobs}} {{in_state: live}} ORDER BY w.id DESC LIMIT :rows
}};

-- The number of runs is limited by the instances.
-- name: list_placed
-- params: LIST_STATE
-- columns: JOB_COL then LIST_COL
{{by_id:
    SELECT w.id, -1 AS idx
    FROM (SELECT p.job_id FROM placement p WHERE p.idx = -1 {{span: p.job_id}} OFFSET 0) AS l
    {{is_ours: l.job_id}} {{in_state: live}}
    ORDER BY w.id DESC LIMIT :rows
}};

-- name: list_done
-- params: LIST_STATE
-- columns: JOB_COL then LIST_COL
{{by_id:
    SELECT w.job_id AS id, -1 AS idx FROM done w
    WHERE w.idx = -1 AND w.queue_id = :queue_id AND w.state = :state AND :share IS NULL
        {{span: w.job_id}}
    ORDER BY w.job_id DESC LIMIT :rows
}};

-- name: list_done_share
-- params: LIST_STATE
-- columns: JOB_COL then LIST_COL
{{by_id:
    SELECT w.id, -1 AS idx FROM {{jobs}} {{in_state: done}} ORDER BY w.id DESC LIMIT :rows
}};

-- By their position in the inbox, the latest first; below and floor are such positions.
-- fragment: submitted
i.consumer = :OB_INBOX_SCHEDULER AND i.kind = :OB_INBOX_SUBMIT;

-- name: list_submitted
-- params: queue_id bigint, state int, below bigint, rows bigint, share text, floor bigint
-- columns: JOB_COL then LIST_COL
{{rows_of:
    SELECT w.id, -1 AS idx, l.seq
    FROM (SELECT i.seq, i.job_id FROM inbox i
        WHERE {{submitted}} AND :state = :OB_JOB_SUBMITTED {{span: i.seq}}
        ORDER BY i.seq DESC OFFSET 0) AS l
    {{is_ours: l.job_id}}
    ORDER BY l.seq DESC LIMIT :rows;
    r.seq; r.seq DESC
}};

-- name: list_floor_submitted
-- params: below bigint, behind bigint
-- columns: FLOOR_COL
SELECT i.seq AS floor FROM inbox i
WHERE {{submitted}} AND (:below IS NULL OR i.seq < :below)
ORDER BY i.seq DESC OFFSET :behind LIMIT 1;

-- The last id of a page's search, that far after the first one. share, definition: if an index of
-- their own finds them.
-- name: list_floor
-- params: queue_id bigint, below uuid, share text, definition text, behind bigint
-- columns: FLOOR_COL
SELECT w.id AS floor FROM job w
WHERE w.queue_id = :queue_id AND (:below IS NULL OR w.id < :below)
    AND (:share IS NULL OR w.share = :share)
    AND (:definition IS NULL OR w.definition COLLATE "C" = :definition)
ORDER BY w.id DESC OFFSET :behind LIMIT 1;

-- The same along the rows of live, and the oldest row.
-- name: list_floor_alive
-- params: below uuid, behind bigint
-- columns: FLOOR_COL then ALIVE_COL
SELECT (SELECT job_id FROM live WHERE (:below IS NULL OR job_id < :below)
        ORDER BY job_id DESC, idx DESC OFFSET :behind LIMIT 1) AS floor,
    (SELECT job_id FROM live ORDER BY job_id, idx LIMIT 1) AS oldest;

-- Ids start with their job's createdAt or, when the clock was set back, with a time that is at most
-- this much later.
-- name: list_id_lead
-- columns: ID_LEAD_COL
SELECT lead_ms FROM id_clock;

-- fragment: begin_so
AND (:name_from IS NULL OR (lower(q.name) COLLATE "C" >= :name_from
    AND lower(q.name) COLLATE "C" < :name_below))
AND (:definition_from IS NULL OR (q.definition COLLATE "C" >= :definition_from
    AND q.definition COLLATE "C" < :definition_below));

-- fragment: are_so
AND (:name IS NULL OR lower(q.name) COLLATE "C" = :name)
AND (:definition IS NULL OR q.definition COLLATE "C" = :definition)
AND (:revision = 0 OR q.revision = :revision) AND (:share IS NULL OR q.share = :share)
AND (:after_ms = 0 OR q.created_at_ms > :after_ms)
AND (:before_ms = 0 OR q.created_at_ms < :before_ms);

-- fragment: filtered(source)
{{by_id: SELECT q.id, -1 AS idx FROM {{source}} ORDER BY q.id DESC LIMIT :rows}};

-- fragment: of_queue
SELECT q.id, q.name, q.definition, q.revision, q.share, q.created_at_ms FROM job q
WHERE q.queue_id = :queue_id;

-- Along the index of the exact value.
-- name: list_filtered
-- params: LIST_FILTER = queue_id bigint, below uuid, rows bigint, floor uuid, name text,
--     name_from text, name_below text, definition text, definition_from text,
--     definition_below text, revision int, share text, after_ms bigint, before_ms bigint
-- columns: JOB_COL then LIST_COL
{{filtered: job q WHERE q.queue_id = :queue_id {{span: q.id}} {{are_so}} {{begin_so}}}};

-- Along the queue.
-- name: list_filtered_walk
-- params: LIST_FILTER
-- columns: JOB_COL then LIST_COL
{{filtered: ({{of_queue}} {{span: q.id}} ORDER BY q.id DESC OFFSET 0) AS q
    WHERE true {{are_so}} {{begin_so}}}};

-- Through all names with the prefix.
-- name: list_filtered_few
-- params: LIST_FILTER
-- columns: JOB_COL then LIST_COL
{{filtered: ({{of_queue}} {{begin_so}} OFFSET 0) AS q WHERE true {{span: q.id}} {{are_so}}}};

-- The number of names with the prefix, up to a limit.
-- name: list_begin_so
-- params: queue_id bigint, name_from text, name_below text, definition_from text,
--     definition_below text, rows bigint
-- columns: BEGIN_SO_COL
SELECT count(*) AS n
FROM (SELECT FROM job q WHERE q.queue_id = :queue_id {{begin_so}} LIMIT :rows) AS l;

-- name: list_children
-- params: account text, region text, array_id uuid, state int, first int, rows bigint
-- columns: JOB_COL then LIST_COL
SELECT {{job_columns: {{summary}}}}, r.idx AS position
FROM job j
CROSS JOIN LATERAL generate_series(:first, j.array_size - 1) AS r(idx)
{{job_joins}}
WHERE j.id = :array_id AND j.account = :account AND j.region = :region
    AND coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, :OB_JOB_SUBMITTED) = :state
ORDER BY r.idx LIMIT :rows;
