/* The columns of the rows of jobs (JOB_COL_*, job_store.h), for the files that own statements on
 * them. */
#pragma once

/* How a job stands. r: the reference asked (id, idx, ord); children without a row of their own are
 * what their parent's bulk state says. An array waits for what its RUNNABLE children (the third of
 * its counts) wait for, else for what it depends on. */
#define JOB_COLUMNS(detail)                                                                        \
    "j.id, r.idx, j.array_size, j.definition, " detail ","                                         \
    " coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0),"                                \
    " CASE WHEN d.job_id IS NOT NULL THEN d.reason"                                                \
    " WHEN l.job_id IS NOT NULL THEN CASE WHEN l.state = 2 OR l.counts[3] > 0 THEN cr.reason"      \
    " WHEN l.state = 1 THEN ob_waits_for(j.id, r.idx, l.waits) ELSE l.reason END"                  \
    " WHEN pd.job_id IS NOT NULL THEN pd.bulk_reason"                                              \
    " WHEN pl.bulk_state = 2 THEN cr.reason"                                                       \
    " WHEN pl.bulk_state = 1 THEN ob_waits_for(j.id, r.idx, pl.waits) ELSE pl.bulk_reason END,"    \
    " CASE WHEN d.job_id IS NOT NULL THEN d.started_at_ms ELSE l.started_at_ms END,"               \
    " coalesce(d.stopped_at_ms,"                                                                   \
    " CASE WHEN pd.bulk_state IN (5, 6) AND l.job_id IS NULL THEN pd.stopped_at_ms END),"          \
    " CASE WHEN j.failure IS NOT NULL THEN 0 ELSE"                                                 \
    " coalesce(d.flags, l.flags, pd.flags, pl.flags, 0) |"                                         \
    " CASE WHEN d.job_id IS NULL AND pd.job_id IS NULL"                                            \
    " THEN coalesce((SELECT bit_or(CASE i.kind WHEN 2 THEN 1 ELSE 2 END) FROM inbox i"             \
    " WHERE i.job_id = j.id AND i.kind IN (2, 3) AND i.idx IN (-1, r.idx)), 0) ELSE 0 END END,"    \
    " l.run, l.instance_id, ce.name || '_Batch_' || ce.uuid, coalesce(d.counts, l.counts),"        \
    " (SELECT json_agg(json_build_array(a.attempt, a.run, a.instance_id, a.cluster, a.exit_code,"  \
    " a.container_reason, a.reason, a.started_at_ms, a.stopped_at_ms) ORDER BY a.attempt)"         \
    " FROM attempt a WHERE a.job_id = j.id AND a.idx = r.idx),"                                    \
    " (SELECT t.tags FROM job_tag t WHERE t.job_id = j.id)"

#define JOB_JOINS                                                                                  \
    " LEFT JOIN live l ON l.job_id = j.id AND l.idx = r.idx"                                       \
    " LEFT JOIN done d ON d.job_id = j.id AND d.idx = r.idx"                                       \
    " LEFT JOIN live pl ON pl.job_id = j.id AND pl.idx = -1 AND r.idx >= 0"                        \
    " LEFT JOIN done pd ON pd.job_id = j.id AND pd.idx = -1 AND r.idx >= 0"                        \
    " LEFT JOIN compute_environment ce ON ce.id = l.ce_id"                                         \
    " LEFT JOIN class_reason cr ON cr.queue_id = j.queue_id AND cr.mcpu = j.mcpu"                  \
    " AND cr.mem_mib = j.mem_mib AND cr.gpus = j.gpus AND cr.share = coalesce(j.share, '')"        \
    " AND cr.priority = j.priority"
