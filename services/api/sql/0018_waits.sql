-- What a PENDING job waits for, in words. Owner: api.

-- p_idx: a child of an array, or -1. p_waits: live.waits of the job, or of the child's array. Names the first three, and
-- why the first of them waits itself when its queue says so. A few rows by their keys, whatever the tables hold; NULL: nothing.
CREATE FUNCTION ob_waits_for(p_job uuid, p_idx int, p_waits int) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    d record;
    said text := '';
    n int := 0;
    why text;
BEGIN
    FOR d IN
        SELECT u.id, u.type, o.name,
            CASE WHEN u.type = 0 OR p_idx < 0 THEN u.idx WHEN u.type = 1 THEN p_idx ELSE p_idx - 1 END AS idx
        FROM job j, unnest(j.dep_ids, j.dep_idxs, j.dep_types) WITH ORDINALITY AS u(id, idx, type, n)
            LEFT JOIN job o ON o.id = u.id
        WHERE j.id = p_job AND (p_waits >> (u.n - 1)::int) & 1 = 1
            AND (u.type <> 2 OR p_idx > 0) -- an array does not wait for itself, nor does its first child
        ORDER BY u.n
    LOOP
        n := n + 1;
        IF n = 1 THEN
            SELECT cr.reason INTO why FROM live l JOIN job o ON o.id = l.job_id JOIN class_reason cr
                ON cr.queue_id = o.queue_id AND cr.mcpu = o.mcpu AND cr.mem_mib = o.mem_mib AND cr.gpus = o.gpus
                AND cr.share = coalesce(o.share, '') AND cr.priority = o.priority
            WHERE l.job_id = d.id AND l.idx = -1 AND (l.state = 2 OR l.counts[3] > 0);
        END IF;
        IF n <= 3 THEN
            said := said || CASE WHEN n = 1 THEN 'Waiting for job ' ELSE ', job ' END || d.id
                || CASE WHEN d.idx >= 0 THEN ':' || d.idx ELSE '' END || coalesce(' ("' || d.name || '")', '')
                || CASE WHEN d.type = 1 AND p_idx < 0 THEN ', child by child' ELSE '' END;
        END IF;
    END LOOP;
    IF n = 0 THEN
        RETURN NULL;
    END IF;
    RETURN said || CASE WHEN n > 3 THEN ' and ' || n - 3 || ' more' ELSE '' END
        || coalesce(CASE WHEN n > 1 THEN '; the first: ' ELSE ': ' END || why, '');
END $$;
