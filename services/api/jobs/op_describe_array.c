/* DescribeArray (OpenBatch's own: docs/access.md): how all children of an array are, in one answer.
 * Reads only rows of that array, at most one a child. Thread: an HTTP worker. */
#include "array_states.h"
#include "job_operations.h"
#include "job_store.h"
#include "request/names.h"

static json_t *answer(const api_request *req, const ob_job_ref *array, const PGresult *row)
{
    char id[OB_RUN_TEXT], arn[API_ARN_MAX];
    int size = (int)ob_col_int(row, 0, ARRAY_COL_ARRAY_SIZE, 0);
    const char *bulk = ob_col(row, 0, ARRAY_COL_BULK);
    const char *others = ob_col(row, 0, ARRAY_COL_CHILDREN);
    ob_job_state state = (ob_job_state)ob_col_int(row, 0, ARRAY_COL_STATE, OB_JOB_SUBMITTED);
    ob_job_ref_format(array, id);
    arn_job(arn, req->region, req->account, id);
    json_t *out =
        json_pack("{s:s, s:s, s:i, s:s, s:s*}", "jobId", id, "jobArn", arn, "arraySize", size,
                  "status", ob_job_state_name(state), "etag", ob_col(row, 0, ARRAY_COL_ETAG));
    if (!others)
        return out;
    ob_cleanup(ob_freep) char *states = array_states_text(size, bulk ? *bulk : 'S', others);
    (void)json_object_set_new(out, "states", json_string(states));
    return out;
}

int op_describe_array(api_request *req, api_reply *rep)
{
    const api_name *named = names_of(req, "jobId");
    const job_scope scope = { req->account, req->region };
    const char *etag = json_string_value(json_object_get(req->body, "etag"));
    ob_cleanup(ob_pq_clearp) PGresult *row = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0 && named->valid && named->job.index < 0)
        r = job_store_array_states(req->db, scope, &named->job.id, etag, &row, &rep->err);
    if (r < 0)
        return r;
    req_db_release(req);
    if (!row || PQntuples(row) == 0)
        return api_error(rep, 400, "NoSuchEntityException", "array job %.100s does not exist",
                         named->text);
    rep->body = answer(req, &named->job, row);
    return 0;
}
