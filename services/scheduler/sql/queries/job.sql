-- A job's data for the scheduler, when it is submitted and when it is loaded. dep_ids is an
-- argument, because a job that waits for nothing needs no dependencies.
-- fragment: job(dep_ids)
-- columns: JOB
j.queue_id, j.array_size, j.mcpu, j.mem_mib, j.gpus, j.created_at_ms, j.attempts, j.on_exit,
    j.timeout_s, j.share, j.priority,
    -- What it runs, as far as starts fail alike: see engine_terms.
    hashtextextended(j.definition, j.revision) AS kind,
    {{dep_ids}} AS dep_ids, j.dep_idxs, j.dep_types;
