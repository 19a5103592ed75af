-- Log groups, streams and events, as CloudWatch Logs shows them.

-- fragment: in_group
account = :account AND region = :region AND log_group = :log_group;

-- name: log_find
-- params: account text, region text, log_group text, name text
-- columns: LOG_FOUND_COL
SELECT id FROM log_stream WHERE {{in_group}} AND name = :name;

-- name: log_group
-- params: account text, region text, log_group text
-- columns: none
SELECT name FROM log_group WHERE account = :account AND region = :region AND name = :log_group;

-- name: log_group_make
-- params: account text, region text, log_group text, now_ms bigint
INSERT INTO log_group (account, region, name, created_at_ms)
VALUES (:account, :region, :log_group, :now_ms) ON CONFLICT DO NOTHING;

-- name: name_streams
-- params: account text, region text[], log_group text[], name text[], job_id uuid[], idx int[],
--     now_ms bigint
INSERT INTO log_stream (account, region, log_group, name, job_id, idx, created_at_ms)
SELECT :account, k.region, k.log_group, k.name, k.job_id, k.idx, :now_ms FROM {{rows: k}}
WHERE NOT EXISTS (SELECT FROM log_stream s WHERE s.account = :account AND s.region = k.region
    AND s.log_group = k.log_group AND s.name = k.name)
ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING;

-- A page has at least one event, however long it is. Messages are fetched only if they are in the
-- page.
-- fragment: page_of(columns, events, sorting)
SELECT {{columns}} FROM (
    SELECT e.*, count(*) OVER () AS found, row_number() OVER w AS nth,
        sum(octet_length(e.message) + :LOG_EVENT_BYTES) OVER w AS bytes
    FROM ({{events}}) AS e
    WINDOW w AS (ORDER BY {{sorting}} ROWS UNBOUNDED PRECEDING)
) AS p
WHERE p.bytes <= :LOG_PAGE_BYTES OR p.nth = 1;

-- fragment: read_events(dir)
{{page_of:
    p.n, p.at_ms, p.ingested_at_ms, p.message;
    SELECT n, at_ms, ingested_at_ms, message FROM log_event
    WHERE stream_id = :stream_id
        AND (at_ms, n) >= (:from_ms, :from_n) AND (at_ms, n) < (:to_ms, :to_n)
        AND at_ms >= :start_ms AND at_ms < :end_ms
    ORDER BY at_ms {{dir}}, n {{dir}} LIMIT :rows;
    e.at_ms {{dir}}, e.n {{dir}}
}}
ORDER BY p.at_ms, p.n;

-- name: log_read_first
-- params: LOG_READ = stream_id bigint, from_ms bigint, from_n bigint, to_ms bigint, to_n bigint,
--     start_ms bigint, end_ms bigint, rows bigint
-- columns: LOG_COL
{{read_events: ASC}};

-- name: log_read_last
-- params: LOG_READ
-- columns: LOG_COL
{{read_events: DESC}};

-- Streams with events in a span of time.
-- fragment: in_time
last_at_ms >= :start_ms AND first_at_ms <= :end_ms;

-- name: log_named
-- params: account text, region text, log_group text, start_ms bigint, end_ms bigint, names text[]
-- columns: LOG_CANDIDATE_COL
SELECT id, name FROM log_stream WHERE {{in_group}} AND name = ANY (:names) AND {{in_time}};

-- name: log_prefixed
-- params: account text, region text, log_group text, start_ms bigint, end_ms bigint, prefix text,
--     rows bigint
-- columns: LOG_CANDIDATE_COL
SELECT id, name FROM log_stream
WHERE {{in_group}} AND starts_with(name, :prefix) AND {{in_time}} LIMIT :rows;

-- fragment: in_span(cmp)
e.at_ms BETWEEN :start_ms AND :end_ms AND e.ingested_at_ms <= :ingested_until_ms
AND e.at_ms {{cmp}}= :at_ms AND (e.at_ms, e.stream_id, e.n) {{cmp}} (:at_ms, :stream_id, :n);

-- fragment: by_time(dir)
at_ms {{dir}}, stream_id {{dir}}, n {{dir}};

-- fragment: found_events(events, dir)
{{page_of:
    p.n, p.at_ms, p.ingested_at_ms, p.message, p.name, p.stream_id, p.found;
    SELECT e.n, e.at_ms, e.ingested_at_ms, e.message, s.name, e.stream_id {{events}};
    {{by_time: {{dir}}}}
}}
ORDER BY {{by_time: {{dir}}}};

-- For a few streams: each from its own position.
-- fragment: search_some(cmp, dir)
{{found_events:
    FROM log_stream s CROSS JOIN LATERAL (
        SELECT e.* FROM log_event e WHERE e.stream_id = s.id AND {{in_span: {{cmp}}}}
        ORDER BY e.at_ms {{dir}}, e.n {{dir}} LIMIT :rows
    ) AS e
    WHERE s.id = ANY (:streams)
    ORDER BY {{by_time: {{dir}}}} LIMIT :rows;
    {{dir}}
}};

-- For many streams: along the time.
-- fragment: search_all(cmp, dir)
{{found_events:
    FROM log_event e JOIN log_stream s ON s.id = e.stream_id
    WHERE s.account = :account AND s.region = :region AND s.log_group = :log_group
        AND starts_with(s.name, :prefix) AND {{in_span: {{cmp}}}}
    ORDER BY e.at_ms {{dir}}, e.stream_id {{dir}}, e.n {{dir}} LIMIT :rows;
    {{dir}}
}};

-- at_ms, stream_id, n: after this event.
-- name: log_search_some
-- params: LOG_SEARCH_SOME = start_ms bigint, end_ms bigint, ingested_until_ms bigint, at_ms bigint,
--     stream_id bigint, n bigint, rows bigint, streams bigint[]
-- columns: LOG_COL then LOG_FOUND_IN_COL
{{search_some: >; ASC}};

-- name: log_search_some_back
-- params: LOG_SEARCH_SOME
-- columns: LOG_COL then LOG_FOUND_IN_COL
{{search_some: <; DESC}};

-- name: log_search_all
-- params: LOG_SEARCH_ALL = start_ms bigint, end_ms bigint, ingested_until_ms bigint, at_ms bigint,
--     stream_id bigint, n bigint, rows bigint, account text, region text, log_group text,
--     prefix text
-- columns: LOG_COL then LOG_FOUND_IN_COL
{{search_all: >; ASC}};

-- name: log_search_all_back
-- params: LOG_SEARCH_ALL
-- columns: LOG_COL then LOG_FOUND_IN_COL
{{search_all: <; DESC}};

-- The default group exists without a row.
-- fragment: groups
SELECT g.name, g.created_at_ms, (
    SELECT coalesce(sum(s.end_offset), 0) FROM log_stream s
    WHERE s.account = :account AND s.region = :region AND s.log_group = g.name) AS stored_bytes
FROM (
    SELECT name, created_at_ms FROM log_group WHERE account = :account AND region = :region
    UNION ALL
    SELECT :OB_LOG_GROUP, 0 WHERE NOT EXISTS (SELECT FROM log_group
        WHERE account = :account AND region = :region AND name = :OB_LOG_GROUP)
) AS g;

-- name: log_groups
-- params: account text, region text, prefix text, match text, after text, rows bigint
-- columns: LOG_GROUP_COL
{{groups}}
WHERE starts_with(g.name, :prefix) AND (:match IS NULL OR strpos(g.name, :match) > 0)
    AND (:after IS NULL OR g.name > :after)
ORDER BY g.name LIMIT :rows;

-- name: log_groups_named
-- params: account text, region text, names text[]
-- columns: LOG_GROUP_COL
{{groups}} WHERE g.name = ANY (:names) ORDER BY g.name;

-- fragment: streams
SELECT name, created_at_ms, first_at_ms, last_at_ms, last_ingested_at_ms, id FROM log_stream;

-- fragment: streams_by_name(cmp, dir)
{{streams}}
WHERE {{in_group}} AND name >= :prefix AND name < :prefix || chr(1114111)
    AND (:after IS NULL OR name {{cmp}} :after)
ORDER BY name {{dir}} LIMIT :rows;

-- The group as the index by time has it.
-- fragment: streams_by_time(cmp, dir)
{{streams}}
WHERE account || ' ' || region || ' ' || log_group = :account || ' ' || :region || ' ' || :log_group
    AND (:after_id = 0 OR (last_at_ms, id) {{cmp}} (:after_ms, :after_id))
ORDER BY last_at_ms {{dir}}, id {{dir}} LIMIT :rows;

-- name: log_streams
-- params: LOG_STREAMS = account text, region text, log_group text, prefix text, after text,
--     rows bigint
-- columns: LOG_STREAM_COL
{{streams_by_name: >; ASC}};

-- name: log_streams_back
-- params: LOG_STREAMS
-- columns: LOG_STREAM_COL
{{streams_by_name: <; DESC}};

-- name: log_streams_time
-- params: LOG_STREAMS_TIME = account text, region text, log_group text, after_ms bigint,
--     after_id bigint, rows bigint
-- columns: LOG_STREAM_COL
{{streams_by_time: >; ASC}};

-- name: log_streams_time_back
-- params: LOG_STREAMS_TIME
-- columns: LOG_STREAM_COL
{{streams_by_time: <; DESC}};
