/* Every SQL statement of the scheduler, in two tables: the leading connection's and the
 * publisher's. Holds no state; a call belongs to its connection's thread. */
#include "scheduler_store.h"

/* Raises (division by zero) when a statement of a round touched fewer rows than it was to: memory
 * and table differ then, and the round must not be committed. */
#define EXPECT_ROWS(change, n)                                                                     \
    "WITH changed AS (" change " RETURNING 1) SELECT 1 / (count(*) = " n ")::int FROM changed"

#define QUEUE_COLUMNS                                                                              \
    "SELECT q.id, q.name, q.priority, q.enabled, q.deleting, q.ce_ids, q.version, s.version,"      \
    " q.policy_id IS NOT NULL, p.body, q.time_limits"                                              \
    " FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id"                              \
    " LEFT JOIN scheduling_policy p ON p.id = q.policy_id"
#define CE_COLUMNS                                                                                 \
    "SELECT c.id, c.name, c.name || '_Batch_' || c.uuid, c.enabled AND NOT c.deleting,"            \
    " coalesce(s.valid, false), c.max_vcpus, s.shapes, s.lacking,"                                 \
    " c.resource_type LIKE 'FARGATE%', c.type = 'UNMANAGED', c.unmanaged_vcpus"                    \
    " FROM compute_environment c LEFT JOIN ce_status s ON s.ce_id = c.id"
#define INSTANCE_COLUMNS                                                                           \
    "SELECT id, ce_id, mcpu, mem_mib, gpus, vcpus, state, token_hash, type = 'unmanaged',"         \
    " doubtful AND state = 0 FROM instance"
/* What it runs, as far as starts fail alike: see engine_terms. */
#define JOB_KIND "hashtextextended(j.definition, j.revision)"
/* The inner LIMIT keeps the join a nested loop over the page, whatever the size of the tables. */
#define LIVE_PAGE                                                                                  \
    "SELECT l.job_id, l.idx, l.state, l.run, l.attempt, l.instance_id, l.started_at_ms,"           \
    " l.runnable_at_ms, l.flags, l.stop_reason, l.bulk_state, l.bulk_reason,"                      \
    " j.queue_id, j.array_size, j.mcpu, j.mem_mib, j.gpus, j.created_at_ms,"                       \
    " j.attempts, j.on_exit, j.timeout_s, j.share, j.priority, l.ord,"                             \
    " (extract(epoch FROM now() - l.running_at) * 1000)::bigint, l.waits,"                         \
    " CASE WHEN l.waits IS NOT NULL THEN j.dep_ids END, j.dep_idxs, j.dep_types, l.told_at_ms,"    \
    " " JOB_KIND                                                                                   \
    " FROM (SELECT * FROM live WHERE (job_id, idx) > ($1, $2) ORDER BY job_id, idx LIMIT $3) l"    \
    " JOIN job j ON j.id = l.job_id ORDER BY l.job_id, l.idx"

/* Columns of live in the order of commit.c. */
#define LIVE_ROWS                                                                                  \
    "unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::text[], $7::bigint[],"     \
    " $8::bigint[], $9::bigint[], $10::text[], $11::int[], $12::text[], $13::int[], $14::text[],"  \
    " $15::text[], $16::bigint[], $17::int[], $18::bigint[]) AS m(job_id, idx, state, run, "       \
    "attempt, "                                                                                    \
    "instance_id, ce_id,"                                                                          \
    " started_at_ms, runnable_at_ms, reason, flags, stop_reason, bulk_state, bulk_reason, counts," \
    " ord, waits, told_at_ms)"

const ob_db_stmt scheduler_statements[] = {
    { "inbox", "SELECT i.seq, i.kind, i.job_id, i.idx, i.ref, i.reason,"
               " j.queue_id, j.array_size, j.mcpu, j.mem_mib, j.gpus, j.created_at_ms,"
               " j.attempts, j.on_exit, j.timeout_s, j.share, j.priority, j.failure,"
               " j.dep_ids, j.dep_idxs, j.dep_types, " JOB_KIND
               " FROM (SELECT * FROM inbox WHERE consumer = 1 ORDER BY seq LIMIT $1) i"
               " LEFT JOIN job j ON j.id = i.job_id ORDER BY i.seq" },
    { "queues", QUEUE_COLUMNS },
    { "queues_of", QUEUE_COLUMNS " WHERE q.id = ANY ($1::bigint[])" },
    { "ces", CE_COLUMNS },
    { "ces_of", CE_COLUMNS " WHERE c.id = ANY ($1::bigint[])" },
    { "instances", INSTANCE_COLUMNS " WHERE state < 4 UNION " INSTANCE_COLUMNS
                                    " WHERE id IN (SELECT instance_id FROM placement)" },
    { "instances_of", INSTANCE_COLUMNS " WHERE id = ANY ($1::text[])" },

    { "live_page", LIVE_PAGE },
    { "done_children", "SELECT d.job_id, d.idx, d.state FROM unnest($1::uuid[]) AS p(id)"
                       " JOIN done d ON d.job_id = p.id AND d.idx >= 0" },
    { "ended",
      "SELECT d.job_id, d.state, d.bulk_state, j.array_size FROM unnest($1::uuid[]) AS p(id)"
      " JOIN done d ON d.job_id = p.id AND d.idx = -1 JOIN job j ON j.id = d.job_id"
      " ORDER BY d.job_id" },
    { "children_of",
      "SELECT DISTINCT c.job_id, c.idx, c.state"
      " FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::int[], $3::int[])) AS w(id, lo, hi)"
      " JOIN done c ON c.job_id = w.id AND c.idx BETWEEN w.lo AND w.hi ORDER BY c.job_id, c.idx" },
    { "class_reasons",
      "SELECT queue_id, mcpu, mem_mib, gpus, share, priority, reason, since_ms FROM class_reason" },
    { "share_usages", "SELECT queue_id, share, usage_ms, at_ms, active FROM share_usage" },
    { "snapshots", "SELECT queue_id, body FROM queue_snapshot" },

    /* The round's transaction (commit.c) behind its fence, in its order. */
    { "lock_instances", "SELECT ob_lock_instances($1)" },
    { "inbox_delete", "DELETE FROM inbox WHERE consumer = 1 AND seq = ANY ($1::bigint[])" },
    { "live_insert",
      "INSERT INTO live (job_id, idx, state, run, attempt, instance_id, ce_id, started_at_ms,"
      " runnable_at_ms, reason, flags, stop_reason, bulk_state, bulk_reason, counts, ord, waits,"
      " told_at_ms) SELECT job_id, idx, state, run, attempt, instance_id, ce_id, started_at_ms,"
      " runnable_at_ms, reason, flags, stop_reason, bulk_state, bulk_reason, counts::int[], ord, "
      "waits, told_at_ms"
      " FROM " LIVE_ROWS },
    { "live_update",
      EXPECT_ROWS(
          "UPDATE live SET state = m.state, run = m.run, attempt = m.attempt,"
          " instance_id = m.instance_id, ce_id = m.ce_id, started_at_ms = m.started_at_ms,"
          " runnable_at_ms = m.runnable_at_ms, reason = m.reason, flags = m.flags,"
          " stop_reason = m.stop_reason, bulk_state = m.bulk_state,"
          " bulk_reason = m.bulk_reason, counts = m.counts::int[], ord = m.ord,"
          " waits = m.waits, told_at_ms = m.told_at_ms, running_at = CASE WHEN m.state = 4 THEN"
          " CASE WHEN live.state = 4 AND live.run = m.run THEN live.running_at"
          " ELSE now() END END"
          " FROM " LIVE_ROWS " WHERE live.job_id = m.job_id AND live.idx = m.idx",
          "cardinality($1::uuid[])") },
    { "live_delete",
      EXPECT_ROWS("DELETE FROM live USING unnest($1::uuid[], $2::int[]) AS m(job_id, idx)"
                  " WHERE live.job_id = m.job_id AND live.idx = m.idx",
                  "cardinality($1::uuid[])") },
    { "placement_delete",
      EXPECT_ROWS("DELETE FROM placement p USING unnest($1::text[], $2::uuid[], $3::int[],"
                  " $4::int[]) AS m(instance_id, job_id, idx, run)"
                  " WHERE p.instance_id = m.instance_id AND p.job_id = m.job_id"
                  " AND p.idx = m.idx AND p.run = m.run",
                  "cardinality($1::text[])") },
    { "placement_insert", "INSERT INTO placement (instance_id, job_id, idx, run)"
                          " SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[], $4::int[])" },
    { "done_insert",
      "INSERT INTO done (job_id, idx, queue_id, state, reason, started_at_ms, stopped_at_ms, flags,"
      " bulk_state, bulk_reason, counts) SELECT job_id, idx, queue_id, state, reason,"
      " started_at_ms, stopped_at_ms, flags, bulk_state, bulk_reason, counts::int[]"
      " FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::text[], $6::bigint[],"
      " $7::bigint[], $8::int[], $9::int[], $10::text[], $11::text[]) AS m(job_id, idx, queue_id,"
      " state, reason, started_at_ms, stopped_at_ms, flags, bulk_state, bulk_reason, counts)" },
    { "attempt_insert",
      "INSERT INTO attempt (job_id, idx, attempt, run, instance_id, cluster, exit_code,"
      " container_reason, reason, started_at_ms, stopped_at_ms) SELECT * FROM"
      " unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text[], $7::int[],"
      " $8::text[], $9::text[], $10::bigint[], $11::bigint[])" },
    { "event_insert",
      "INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state, attempt, run,"
      " instance_id, cluster, started_at_ms, stopped_at_ms, exit_code, container_reason, reason,"
      " flags, counts, blocked) SELECT $1::bigint, n, at_ms, job_id, idx_lo, idx_hi, state, "
      "attempt, run,"
      " instance_id, cluster, started_at_ms, stopped_at_ms, exit_code, container_reason, reason,"
      " flags, counts::int[], blocked <> 0 FROM unnest($2::bigint[], $3::uuid[], $4::int[], "
      "$5::int[],"
      " $6::int[], $7::int[], $8::int[], $9::text[], $10::text[], $11::bigint[], $12::bigint[],"
      " $13::int[], $14::text[], $15::text[], $16::int[], $17::text[], $18::int[])"
      " WITH ORDINALITY AS m(at_ms,"
      " job_id, idx_lo, idx_hi, state, attempt, run, instance_id, cluster, started_at_ms,"
      " stopped_at_ms, exit_code, container_reason, reason, flags, counts, blocked, n)" },
    { "reason_put",
      "INSERT INTO class_reason (queue_id, mcpu, mem_mib, gpus, share, priority, reason,"
      " since_ms) SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::text[],"
      " $6::int[], $7::text[], $8::bigint[])"
      " ON CONFLICT (queue_id, mcpu, mem_mib, gpus, share, priority)"
      " DO UPDATE SET reason = excluded.reason, since_ms = excluded.since_ms" },
    { "reason_delete",
      "DELETE FROM class_reason c USING unnest($1::bigint[], $2::int[], $3::int[], $4::int[],"
      " $5::text[], $6::int[]) AS m(queue_id, mcpu, mem_mib, gpus, share, priority)"
      " WHERE c.queue_id = m.queue_id AND c.mcpu = m.mcpu AND c.mem_mib = m.mem_mib"
      " AND c.gpus = m.gpus AND c.share = m.share AND c.priority = m.priority" },
    { "share_put",
      "INSERT INTO share_usage (queue_id, share, usage_ms, at_ms, active)"
      " SELECT queue_id, share, usage_ms, at_ms, active <> 0 FROM unnest($1::bigint[], $2::text[],"
      " $3::bigint[], $4::bigint[], $5::int[]) AS m(queue_id, share, usage_ms, at_ms, active)"
      " ON CONFLICT (queue_id, share) DO UPDATE SET usage_ms = excluded.usage_ms,"
      " at_ms = excluded.at_ms, active = excluded.active" },
    { "share_delete", "DELETE FROM share_usage u USING unnest($1::bigint[], $2::text[])"
                      " AS m(queue_id, share)"
                      " WHERE u.queue_id = m.queue_id AND u.share = m.share" },
    { "snapshot_put", "INSERT INTO queue_snapshot (queue_id, body, updated_at_ms)"
                      " SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])"
                      " ON CONFLICT (queue_id) DO UPDATE SET body = excluded.body,"
                      " updated_at_ms = excluded.updated_at_ms" },
    { "queue_status_put",
      "INSERT INTO queue_status (queue_id, version, valid, reason)"
      " SELECT id, version, true, 'JobQueue Healthy' FROM unnest($1::bigint[], $2::bigint[])"
      " AS m(id, version) ON CONFLICT (queue_id) DO UPDATE SET version = excluded.version,"
      " valid = true, reason = excluded.reason" },
    /* A submission may have been accepted just before: its queue is not gone yet. */
    { "queue_status_delete",
      "DELETE FROM queue_status s WHERE queue_id = ANY ($1::bigint[]) AND NOT EXISTS ("
      "SELECT FROM inbox i JOIN job j ON j.id = i.job_id WHERE i.consumer = 1 AND i.kind = 1"
      " AND j.queue_id = s.queue_id) RETURNING queue_id" },
    { "queue_rest_delete",
      "WITH r AS (DELETE FROM class_reason WHERE queue_id = ANY ($1::bigint[])),"
      " u AS (DELETE FROM share_usage WHERE queue_id = ANY ($1::bigint[]))"
      " DELETE FROM queue_snapshot WHERE queue_id = ANY ($1::bigint[])" },
    { "specs", "SELECT id, name, definition, detail, task_tags, timeout_s, array_size FROM job"
               " WHERE id = ANY ($1::uuid[]) ORDER BY id" },
    { 0 },
};

/* ---- Reading ---- */

int store_inbox(ob_db *db, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, limit);
    return ob_db_exec(db, "inbox", &p, ret, err);
}

static int all_or_some(ob_db *db,
                       const char *all,
                       const char *some,
                       const int64_t *ids,
                       size_t n,
                       PGresult **ret,
                       ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    if (!ids)
        return ob_db_exec(db, all, NULL, ret, err);
    ob_param_int64_array(&p, ids, n);
    return ob_db_exec(db, some, &p, ret, err);
}

int store_queues(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err)
{
    return all_or_some(db, "queues", "queues_of", ids, n, ret, err);
}

int store_ces(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err)
{
    return all_or_some(db, "ces", "ces_of", ids, n, ret, err);
}

int store_instances(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    if (!ids)
        return ob_db_exec(db, "instances", NULL, ret, err);
    ob_param_text_array(&p, ids, n);
    return ob_db_exec(db, "instances_of", &p, ret, err);
}

/* ---- Loading ---- */

int store_live_page(
    ob_db *db, const ob_uuid *after_id, int32_t after_idx, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, after_id);
    ob_param_int(&p, after_idx);
    ob_param_int(&p, limit);
    return ob_db_exec(db, "live_page", &p, ret, err);
}

int store_done_children(ob_db *db, const ob_uuid *parents, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, parents, n);
    return ob_db_exec(db, "done_children", &p, ret, err);
}

int store_ended(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    return ob_db_exec(db, "ended", &p, ret, err);
}

int store_children(ob_db *db,
                   const ob_uuid *arrays,
                   const int32_t *from,
                   const int32_t *to,
                   size_t n,
                   PGresult **ret,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, arrays, n);
    ob_param_int32_array(&p, from, n);
    ob_param_int32_array(&p, to, n);
    return ob_db_exec(db, "children_of", &p, ret, err);
}

int store_class_reasons(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "class_reasons", NULL, ret, err);
}

int store_share_usages(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "share_usages", NULL, ret, err);
}

int store_snapshots(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, "snapshots", NULL, ret, err);
}

/* ---- Publishing ---- */

int store_watermark(
    ob_db *db, int64_t *ret_round, int32_t *ret_n, int64_t *ret_topic_end, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = ob_db_exec(db, STMT_WATERMARK, NULL, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) != 1)
        return ob_fail(err, EPROTO, "table publisher has no row");
    *ret_round = ob_col_int(res, 0, WATERMARK_ROUND, 0);
    *ret_n = (int32_t)ob_col_int(res, 0, WATERMARK_N, 0);
    *ret_topic_end = ob_col_int(res, 0, WATERMARK_TOPIC_END, 0);
    return 0;
}

int store_move_watermark(
    ob_db *db, int64_t epoch, int64_t round, int32_t n, int64_t topic_end, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, epoch);
    ob_param_int(&p, round);
    ob_param_int(&p, n);
    ob_param_int(&p, topic_end);
    return ob_db_exec(db, STMT_MOVE_WATERMARK, &p, NULL, err);
}

int store_events(
    ob_db *db, int64_t after_round, int32_t after_n, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, after_round);
    ob_param_int(&p, after_n);
    ob_param_int(&p, limit);
    return ob_db_exec(db, STMT_EVENTS, &p, ret, err);
}

int store_attempts(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    ob_param_int32_array(&p, idxs, n);
    return ob_db_exec(db, STMT_ATTEMPTS, &p, ret, err);
}
