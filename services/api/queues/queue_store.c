/* Owns the table job_queue (what users want) and adds to inbox; reads what the scheduler writes of
 * queues (queue_status, queue_snapshot, share_usage), never writes it. Thread: the request's.
 *
 * Invariants: a change is one transaction of the wanted row and its inbox row; locks are taken
 * queue first, then environments in id order; a row that is deleting and without status is gone,
 * and gives way to a new one of its name. */
#include "queue_store.h"

void api_wanted_queue_done(api_wanted_queue *q)
{
    json_decref(q->body);
    q->body = NULL;
}

int queue_from_row(const PGresult *res, int row, api_wanted_queue *ret, ob_error *err)
{
    *ret = (api_wanted_queue){
        .id = ob_col_int(res, row, JQ_COL_ID, 0),
        .enabled = ob_col_bool(res, row, JQ_COL_ENABLED),
        .priority = (int)ob_col_int(res, row, JQ_COL_PRIORITY, 0),
        .deleting = ob_col_bool(res, row, JQ_COL_DELETING),
        .has_status = ob_col_bool(res, row, JQ_COL_HAS_STATUS),
        .valid = ob_col_bool(res, row, JQ_COL_VALID),
        .current = ob_col_bool(res, row, JQ_COL_CURRENT),
    };
    store_copy(ret->name, sizeof ret->name, ob_col(res, row, JQ_COL_NAME));
    store_copy(ret->reason, sizeof ret->reason, ob_col(res, row, JQ_COL_REASON));
    ret->policy_id = ob_col_int(res, row, JQ_COL_POLICY_ID, 0);
    for (const char *at = ob_col(res, row, JQ_COL_CE_IDS); at && *at;) {
        char *end = NULL;
        long long id = strtoll(at, &end, 10);
        if (end == at || ret->n_ces == ARRAY_SIZE(ret->ce_ids))
            break;
        ret->ce_ids[ret->n_ces++] = id;
        at = *end == ',' ? end + 1 : end;
    }
    return store_read_body(ob_col(res, row, JQ_COL_BODY), &ret->body, err);
}

int queue_find(api_request *req, const char *name, bool lock, api_wanted_queue *ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, lock ? STMT_QUEUE_LOCK : STMT_QUEUE_FIND, &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no job queue %s", name);
    return queue_from_row(res, 0, ret, err);
}

int queue_list(api_request *req, const store_selection *which, PGresult **ret, ob_error *err)
{
    return store_list(req, STMT_QUEUE_NAMED, STMT_QUEUE_PAGE, which, ret, err);
}

static void param_policy(ob_params *p, const api_wanted_queue *q)
{
    if (q->policy_id)
        ob_param_int(p, q->policy_id);
    else
        ob_param_text(p, NULL);
}

/* *ret is new; NULL: none. */
static char *time_limits_text(const api_wanted_queue *q)
{
    const json_t *list = json_object_get(q->body, "jobStateTimeLimitActions");
    return json_array_size(list) ? json_dumps(list, JSON_COMPACT) : NULL;
}

static int check_quota(api_request *req, ob_error *err)
{
    SCOPED(p, req);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = store_serialize(req, err);
    if (r == 0)
        r = req_exec(req, STMT_QUEUE_COUNT, &p, &res, err);
    if (r == 0 && ob_col_int(res, 0, QUEUE_COUNT_COL_N, 0) >= QUEUES_MAX)
        r = ob_fail(err, EDQUOT, "there are %d already", QUEUES_MAX);
    return r;
}

int queue_insert(api_request *req, const api_wanted_queue *q, ob_error *err)
{
    int r = check_quota(req, err);
    if (r == 0)
        r = store_exec_named(req, STMT_QUEUE_GONE, q->name, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *body = json_dumps(q->body, JSON_COMPACT);
    ob_cleanup(ob_freep) char *limits = time_limits_text(q);
    SCOPED(p, req);
    ob_param_text(&p, q->name);
    store_param_bool(&p, q->enabled);
    ob_param_int(&p, q->priority);
    ob_param_int64_array(&p, q->ce_ids, q->n_ces);
    ob_param_text(&p, body);
    param_policy(&p, q);
    ob_param_text(&p, limits);
    return store_insert(req, STMT_QUEUE_INSERT, &p, err);
}

int queue_update(api_request *req, const api_wanted_queue *q, ob_error *err)
{
    ob_cleanup(ob_freep) char *body = json_dumps(q->body, JSON_COMPACT);
    ob_cleanup(ob_freep) char *limits = time_limits_text(q);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, q->id);
    store_param_bool(&p, q->enabled);
    ob_param_int(&p, q->priority);
    ob_param_int64_array(&p, q->ce_ids, q->n_ces);
    ob_param_text(&p, body);
    store_param_bool(&p, q->deleting);
    param_policy(&p, q);
    ob_param_text(&p, limits);
    return req_exec(req, STMT_QUEUE_UPDATE, &p, NULL, err);
}

int queue_counted(api_request *req, const store_selection *which, PGresult **ret, ob_error *err)
{
    return store_list(req, STMT_COUNTED_NAMED, STMT_COUNTED_PAGE, which, ret, err);
}

/* ---- for jobs -------------------------------------------------------------------------------- */

int queue_of_jobs(ob_db *db,
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
    return ob_db_exec(db, STMT_QUEUE_OF_JOBS, &p, ret, err);
}

int queue_share_fits(
    ob_db *db, int64_t queue_id, const char *share, int max, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, queue_id);
    ob_param_text(&p, share);
    ob_param_int(&p, max);
    int r = ob_db_exec(db, STMT_SHARE_FITS, &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, SHARE_FITS_COL_FITS);
    return r;
}

int queue_snapshot(ob_db *db, int64_t queue_id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    return ob_db_exec(db, STMT_SNAPSHOT, &p, ret, err);
}
