/* Calls of the statements of sql/queries, except those of the round and of retention. Holds no
 * state; a call belongs to its connection's thread. */
#include "scheduler_store.h"

/* ---- Reading ---- */

int store_inbox(ob_db *db, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, limit);
    return ob_db_exec(db, STMT_INBOX, &p, ret, err);
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
    return all_or_some(db, STMT_QUEUES, STMT_QUEUES_OF, ids, n, ret, err);
}

int store_ces(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err)
{
    return all_or_some(db, STMT_CES, STMT_CES_OF, ids, n, ret, err);
}

int store_instances(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    if (!ids)
        return ob_db_exec(db, STMT_INSTANCES, NULL, ret, err);
    ob_param_text_array(&p, ids, n);
    return ob_db_exec(db, STMT_INSTANCES_OF, &p, ret, err);
}

/* ---- Loading ---- */

int store_live_page(
    ob_db *db, const ob_uuid *after_id, int32_t after_idx, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, after_id);
    ob_param_int(&p, after_idx);
    ob_param_int(&p, limit);
    return ob_db_exec(db, STMT_LIVE_PAGE, &p, ret, err);
}

int store_done_children(ob_db *db, const ob_uuid *parents, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, parents, n);
    return ob_db_exec(db, STMT_DONE_CHILDREN, &p, ret, err);
}

int store_ended(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    return ob_db_exec(db, STMT_ENDED, &p, ret, err);
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
    return ob_db_exec(db, STMT_CHILDREN_OF, &p, ret, err);
}

int store_class_reasons(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_CLASS_REASONS, NULL, ret, err);
}

int store_share_usages(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_SHARE_USAGES, NULL, ret, err);
}

int store_snapshots(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_SNAPSHOTS, NULL, ret, err);
}

int store_uncounted(ob_db *db, bool whole, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, whole);
    return ob_db_exec(db, STMT_UNCOUNTED, &p, ret, err);
}

int store_ended_page(ob_db *db,
                     int64_t queue_id,
                     ob_job_state state,
                     const ob_uuid *after_id,
                     int limit,
                     PGresult **ret,
                     ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    ob_param_int(&p, (int64_t)state);
    ob_param_uuid(&p, after_id);
    ob_param_int(&p, limit);
    return ob_db_exec(db, STMT_ENDED_PAGE, &p, ret, err);
}

/* ---- Stopping all that match ---- */

int store_stop_open(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_STOP_OPEN, NULL, ret, err);
}

int store_stop_lost(ob_db *db, PGresult **ret, ob_error *err)
{
    return ob_db_exec(db, STMT_STOP_LOST, NULL, ret, err);
}

int store_stop_page(ob_db *db,
                    const stop_filter *filter,
                    const ob_uuid *after_id,
                    int limit,
                    PGresult **ret,
                    ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, after_id);
    ob_param_int(&p, INT32_MAX); /* none of its children */
    ob_param_int(&p, limit);
    ob_param_int(&p, filter->queue_id);
    ob_param_int(&p, filter->states);
    ob_param_int(&p, filter->created_at_ms);
    ob_param_text(&p, filter->name_prefix);
    ob_param_text(&p, filter->definition);
    ob_param_int(&p, filter->revision);
    ob_param_text(&p, filter->share);
    return ob_db_exec(db, STMT_STOP_PAGE, &p, ret, err);
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
    return ob_db_write(db, OB_POINT_SCHEDULER_WATERMARK, STMT_MOVE_WATERMARK, &p, NULL, err);
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

int store_subjects(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    return ob_db_exec(db, STMT_SUBJECTS, &p, ret, err);
}

/* stmt: its parameters are the jobs and children. */
static int exec_of_jobs(ob_db *db,
                        const char *stmt,
                        const ob_uuid *ids,
                        const int32_t *idxs,
                        size_t n,
                        PGresult **ret,
                        ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    ob_param_int32_array(&p, idxs, n);
    return ob_db_exec(db, stmt, &p, ret, err);
}

int store_attempts(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err)
{
    return exec_of_jobs(db, STMT_ATTEMPTS, ids, idxs, n, ret, err);
}

int store_pods(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err)
{
    return exec_of_jobs(db, STMT_PODS, ids, idxs, n, ret, err);
}

int store_last_ends(ob_db *db,
                    int64_t after_round,
                    int32_t after_n,
                    int64_t round,
                    int32_t n,
                    int limit,
                    int64_t within_ms,
                    PGresult **ret,
                    ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, after_round);
    ob_param_int(&p, after_n);
    ob_param_int(&p, round);
    ob_param_int(&p, n);
    ob_param_int(&p, limit);
    ob_param_int(&p, within_ms);
    return ob_db_exec(db, STMT_LAST_ENDS, &p, ret, err);
}

/* ---- Traces ---- */

int store_traced_jobs(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    return ob_db_exec(db, STMT_TRACED_JOBS, &p, ret, err);
}

int store_traced_children(ob_db *db, const ob_uuid *array, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, array);
    ob_param_int(&p, limit);
    return ob_db_exec(db, STMT_TRACED_CHILDREN, &p, ret, err);
}

int store_traced_attempts(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    ob_param_int32_array(&p, idxs, n);
    return ob_db_exec(db, STMT_TRACED_ATTEMPTS, &p, ret, err);
}
