/* What the operations on jobs read and ask for, but ListJobs; knows no JSON of the API. Rows of
 * live, done, attempt and class_reason are only read: they belong to the scheduler. Thread: the
 * owner of the connection. */
#include "job_store.h"

#include "ob/clock.h"
#include "ob/rows.h"

static void add_scope(ob_params *p, job_scope scope)
{
    ob_param_text(p, scope.account);
    ob_param_text(p, scope.region);
}

int job_store_sizes(ob_db *db,
                    job_scope scope,
                    const ob_uuid *ids,
                    size_t n,
                    int64_t gone_ms,
                    PGresult **ret,
                    ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    ob_param_uuid_array(&p, ids, n);
    ob_param_int(&p, gone_ms);
    return ob_db_exec(db, STMT_JOB_SIZES, &p, ret, err);
}

static void add_refs(ob_params *p, const ob_job_ref *refs, size_t n)
{
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(n + 1, sizeof(*ids));
    ob_cleanup(ob_freep) int32_t *idx = ob_calloc(n + 1, sizeof(*idx));
    for (size_t i = 0; i < n; i++) {
        ids[i] = refs[i].id;
        idx[i] = refs[i].index;
    }
    ob_param_uuid_array(p, ids, n);
    ob_param_int32_array(p, idx, n);
}

int job_store_stop(ob_db *db,
                   job_scope scope,
                   const ob_job_ref *jobs,
                   size_t n,
                   job_stop how,
                   bool *ret_written,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    add_scope(&p, scope);
    ob_param_int(&p, how.terminate ? OB_INBOX_TERMINATE : OB_INBOX_CANCEL);
    add_refs(&p, jobs, n);
    ob_param_text(&p, how.reason);
    int r = ob_db_write(db, OB_POINT_API_STOP, STMT_STOP, &p, &res, err);
    if (r == 0)
        *ret_written = PQntuples(res) > 0;
    return r;
}

int job_store_describe(
    ob_db *db, job_scope scope, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    add_refs(&p, refs, n);
    return ob_db_exec(db, STMT_DESCRIBE, &p, ret, err);
}

int job_store_array_states(ob_db *db,
                           job_scope scope,
                           const ob_uuid *array,
                           const char *etag,
                           PGresult **ret,
                           ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    ob_param_uuid(&p, array);
    ob_param_text(&p, etag);
    return ob_db_exec(db, STMT_ARRAY_STATES, &p, ret, err);
}

int job_store_array_times(
    ob_db *db, job_scope scope, const ob_uuid *array, int bars, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    ob_param_uuid(&p, array);
    ob_param_int(&p, bars);
    return ob_db_exec(db, STMT_ARRAY_TIMES, &p, ret, err);
}

int job_store_attempts(
    ob_db *db, job_scope scope, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    add_refs(&p, refs, n);
    return ob_db_exec(db, STMT_ATTEMPTS_OF, &p, ret, err);
}

int job_store_ask(
    ob_db *db, job_scope scope, const ob_job_ref *job, int64_t *ret_seq, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    add_scope(&p, scope);
    ob_param_uuid(&p, &job->id);
    ob_param_int(&p, job->index);
    int r = ob_db_write(db, OB_POINT_API_ASK, STMT_ASK_DEPENDENTS, &p, &res, err);
    if (r == 0)
        *ret_seq = PQntuples(res) > 0 ? ob_col_int(res, 0, ASK_COL_SEQ, 0) : 0;
    return r;
}

int job_store_answer(ob_db *db, int64_t seq, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, seq);
    return ob_db_exec(db, STMT_ANSWER, &p, ret, err);
}

int job_store_dependents(
    ob_db *db, job_scope scope, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    ob_param_uuid_array(&p, ids, n);
    return ob_db_exec(db, STMT_DEPENDENTS, &p, ret, err);
}

int job_store_array_exists(
    ob_db *db, job_scope scope, const ob_uuid *array, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    add_scope(&p, scope);
    ob_param_uuid(&p, array);
    int r = ob_db_exec(db, STMT_ARRAY_EXISTS, &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}

int job_store_mass_stop(
    ob_db *db, job_scope scope, const job_mass_stop *m, int64_t *ret_id, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int64_t now_ms = ob_wall_ms();
    add_scope(&p, scope);
    ob_param_int(&p, m->queue_id);
    ob_param_int(&p, m->states);
    ob_param_text(&p, m->name_prefix);
    ob_param_text(&p, m->definition[0] ? m->definition : NULL);
    ob_param_int(&p, m->revision);
    ob_param_text(&p, m->share);
    ob_param_text(&p, m->how.terminate ? "t" : "f");
    ob_param_text(&p, m->how.reason);
    ob_param_int(&p, now_ms);
    ob_param_int(&p, STOPS_OPEN_MAX);
    ob_param_int(&p, STOPS_OPEN_QUEUE_MAX);
    ob_param_int(&p, STOPS_KEPT_MAX);
    ob_param_int(&p, now_ms - STOPS_KEPT_MS);
    int r = ob_db_write(db, OB_POINT_API_STOP_MANY, STMT_STOP_REQUEST_ADD, &p, &res, err);
    if (r == 0)
        *ret_id = PQntuples(res) ? ob_col_int(res, 0, STOP_REQUEST_COL_ID, 0) : 0;
    return r;
}

int job_store_mass_stop_get(
    ob_db *db, job_scope scope, int64_t queue_id, int64_t id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_scope(&p, scope);
    ob_param_int(&p, queue_id);
    ob_param_int(&p, id);
    return ob_db_exec(db, STMT_STOP_REQUEST_GET, &p, ret, err);
}
