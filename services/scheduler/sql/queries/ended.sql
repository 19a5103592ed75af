-- The results of ended jobs.
-- table: scheduler

-- By id.
-- name: ended
-- params: ids uuid[]
-- columns: ENDED
SELECT d.job_id, d.state, d.bulk_state, j.array_size
FROM unnest(:ids) AS p(id)
JOIN done d ON d.job_id = p.id AND d.idx = -1
JOIN job j ON j.id = d.job_id
ORDER BY d.job_id;

-- Children of these arrays from one index to another (included), each once, in order.
-- name: children_of
-- params: id uuid[], lo int[], hi int[]
-- columns: CHILD
SELECT DISTINCT c.job_id, c.idx, c.state
FROM (SELECT DISTINCT * FROM {{rows: m}}) AS w(id, lo, hi)
JOIN done c ON c.job_id = w.id AND c.idx BETWEEN w.lo AND w.hi
ORDER BY c.job_id, c.idx;

-- All children of these arrays.
-- name: done_children
-- params: ids uuid[]
-- columns: CHILD
SELECT d.job_id, d.idx, d.state
FROM unnest(:ids) AS p(id) JOIN done d ON d.job_id = p.id AND d.idx >= 0;
