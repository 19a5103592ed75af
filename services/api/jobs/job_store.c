/* Owns the SQL statements of the job operations but ListJobs'; knows no JSON of the API. Rows of
 * live, done, attempt, class_reason and share_usage are only read here: they belong to the
 * scheduler. Thread: the owner of the connection. */
#include "job_store.h"

#include "job_columns.h"
#include "ob/rows.h"

#define SQL_FIND_QUEUE                                                                             \
    "SELECT q.id, q.version, q.enabled, q.deleting, q.policy_id IS NOT NULL,"                      \
    " coalesce((SELECT c.resource_type LIKE 'FARGATE%' FROM compute_environment c"                 \
    " WHERE c.id = q.ce_ids[1]), false)"                                                           \
    " FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id WHERE q.account = $1"         \
    " AND q.region = $2 AND q.name = $3 AND NOT (q.deleting AND s.queue_id IS NULL)"

#define SQL_SIZES                                                                                  \
    "SELECT id, array_size FROM job j WHERE id = ANY ($1::uuid[]) AND starts_with(detail, $2)"     \
    " AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx = -1"                     \
    " AND d.stopped_at_ms < $3)"

#define SQL_STOP                                                                                   \
    "INSERT INTO inbox (consumer, kind, job_id, idx, reason)"                                      \
    " SELECT 1, $1::smallint, j.id, r.idx, $4"                                                     \
    " FROM unnest($2::uuid[], $3::int[]) WITH ORDINALITY AS r(id, idx, ord)"                       \
    " JOIN job j ON j.id = r.id WHERE starts_with(j.detail, $5)"                                   \
    " AND (r.idx = -1 OR (r.idx >= 0 AND r.idx < j.array_size))"                                   \
    " AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx IN (-1, r.idx))"          \
    " ORDER BY r.ord RETURNING seq"

#define SQL_DESCRIBE                                                                               \
    "SELECT " JOB_COLUMNS(                                                                         \
        "j.detail") " FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS r(id, idx, ord)"       \
                    " JOIN job j ON j.id = r.id" JOB_JOINS                                         \
                    " WHERE r.idx = -1 OR (r.idx >= 0 AND r.idx < j.array_size) ORDER BY r.ord"

#define SQL_ARRAY_EXISTS                                                                           \
    "SELECT 1 FROM job WHERE id = $1 AND starts_with(detail, $2) AND array_size > 0"

/* $3 shares may be active at a time. */
#define SQL_SHARE_FITS                                                                             \
    "SELECT EXISTS (SELECT FROM share_usage WHERE queue_id = $1 AND share = $2 AND active)"        \
    " OR (SELECT count(*) FROM share_usage WHERE queue_id = $1 AND active) < $3"

#define SQL_SNAPSHOT "SELECT body, updated_at_ms FROM queue_snapshot WHERE queue_id = $1"

const ob_db_stmt job_store_stmts[] = {
    { "find_queue", SQL_FIND_QUEUE },
    { "job_sizes", SQL_SIZES },
    { "stop", SQL_STOP },
    { "describe", SQL_DESCRIBE },
    { "array_exists", SQL_ARRAY_EXISTS },
    { "share_fits", SQL_SHARE_FITS },
    { "snapshot", SQL_SNAPSHOT },
    { 0 },
};

int job_store_find_queue(ob_db *db,
                         const char *account,
                         const char *region,
                         const char *name,
                         PGresult **ret,
                         ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, region);
    ob_param_text(&p, name);
    return ob_db_exec(db, "find_queue", &p, ret, err);
}

int job_store_sizes(ob_db *db,
                    const ob_uuid *ids,
                    size_t n,
                    const char *scope,
                    int64_t gone_ms,
                    PGresult **ret,
                    ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    ob_param_text(&p, scope);
    ob_param_int(&p, gone_ms);
    return ob_db_exec(db, "job_sizes", &p, ret, err);
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
                   const ob_job_ref *jobs,
                   size_t n,
                   const char *scope,
                   bool terminate,
                   const char *reason,
                   bool *ret_written,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, terminate ? OB_INBOX_TERMINATE : OB_INBOX_CANCEL);
    add_refs(&p, jobs, n);
    ob_param_text(&p, reason);
    ob_param_text(&p, scope);
    int r = ob_db_exec(db, "stop", &p, &res, err);
    if (r == 0)
        *ret_written = PQntuples(res) > 0;
    return r;
}

int job_store_describe(ob_db *db, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    add_refs(&p, refs, n);
    return ob_db_exec(db, "describe", &p, ret, err);
}

int job_store_array_exists(
    ob_db *db, const ob_uuid *array, const char *scope, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_uuid(&p, array);
    ob_param_text(&p, scope);
    int r = ob_db_exec(db, "array_exists", &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}

int job_store_share_fits(
    ob_db *db, int64_t queue_id, const char *share, int max, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, queue_id);
    ob_param_text(&p, share);
    ob_param_int(&p, max);
    int r = ob_db_exec(db, "share_fits", &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, 0);
    return r;
}

int job_store_snapshot(ob_db *db, int64_t queue_id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    return ob_db_exec(db, "snapshot", &p, ret, err);
}
