/* ListDependents (OpenBatch's own: docs/access.md): the jobs that wait for a job. Only the
 * scheduler has them by the job for which they wait, in memory: so the question goes through its
 * inbox, and its answer is a row. Thread: an HTTP worker. */
#include "job_operations.h"

#include <string.h>
#include <unistd.h>

#include "job_store.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "request/names.h"

#define PATIENCE_MS 1500 /* other reads of the key wait for its turn, for 2 s at most */
#define LOOK_EVERY_US 20000

/* The answer; NULL: there is none yet. */
static int look(api_request *req, int64_t seq, json_t **ret, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = req_db(req, err);
    if (r == 0)
        r = job_store_answer(req->db, seq, &rows, err);
    if (r == 0 && PQntuples(rows) > 0)
        *ret = ob_json_read_text(ob_col(rows, 0, ANSWER_COL_BODY));
    req_db_release(req);
    return r;
}

static int wait_for_answer(api_request *req, int64_t seq, json_t **ret, api_reply *rep)
{
    int64_t until_ms = ob_mono_ms() + PATIENCE_MS;
    int r = 0;
    do {
        (void)usleep(LOOK_EVERY_US);
        r = look(req, seq, ret, &rep->err);
    } while (r == 0 && !*ret && ob_mono_ms() < until_ms);
    if (r == 0 && !*ret)
        return api_error(rep, 503, "ServerException", "no scheduler has answered; try again later");
    return r;
}

static json_t *dependent(const api_request *req, const PGresult *rows, int row, const json_t *said)
{
    char id[OB_UUID_TEXT], on[OB_RUN_TEXT], arn[API_ARN_MAX];
    ob_job_ref ref = { .index = (int32_t)json_integer_value(json_array_get(said, 1)) };
    ob_uuid own;
    if (!ob_col_uuid(rows, row, DEPENDENT_COL_ID, &own))
        return NULL;
    ob_uuid_format(&own, id);
    arn_job(arn, req->region, req->account, id);
    ref.id = names_of(req, "jobId")->job.id;
    ob_job_ref_format(&ref, on);
    ob_job_state state = (ob_job_state)ob_col_int(rows, row, DEPENDENT_COL_STATE, 0);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "jobArn", arn, "jobId", id, "jobName",
                     ob_col(rows, row, DEPENDENT_COL_NAME), "jobQueue",
                     ob_col(rows, row, DEPENDENT_COL_QUEUE_ARN), "status", ob_job_state_name(state),
                     "dependsOn", on, "type",
                     json_is_true(json_array_get(said, 2)) ? "N_TO_N" : NULL);
}

/* What the answer names, with names and states. */
static int show(api_request *req, const json_t *answer, json_t *to, api_reply *rep)
{
    const json_t *jobs = json_object_get(answer, "jobs");
    size_t n = json_array_size(jobs), i;
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(n + 1, sizeof(*ids));
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    const json_t *one;
    json_array_foreach(jobs, i, one)
    {
        const char *id = json_string_value(json_array_get(one, 0));
        if (!id || !ob_uuid_parse(id, strlen(id), &ids[i]))
            return ob_fail(&rep->err, EINVAL, "the scheduler's answer names no job");
    }
    const job_scope scope = { req->account, req->region };
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_dependents(req->db, scope, ids, n, &rows, &rep->err);
    req_db_release(req);
    for (int row = 0; r == 0 && row < PQntuples(rows); row++) {
        size_t at = (size_t)ob_col_int(rows, row, DEPENDENT_COL_ORD, 1) - 1;
        json_t *entry = dependent(req, rows, row, json_array_get(jobs, at));
        if (entry)
            (void)json_array_append_new(to, entry);
    }
    return r;
}

int op_list_dependents(api_request *req, api_reply *rep)
{
    const api_name *named = names_of(req, "jobId");
    const job_scope scope = { req->account, req->region };
    json_auto_t *list = json_array(), *answer = NULL;
    int64_t seq = 0;
    if (!named || !named->valid)
        return api_client_error(rep, "jobId is not valid");
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_ask(req->db, scope, &named->job, &seq, &rep->err);
    req_db_release(req);
    if (r < 0)
        return r;
    if (seq > 0) { /* else it has ended, or there is none: nothing waits for it */
        api_ring_command(req->ctx);
        r = wait_for_answer(req, seq, &answer, rep);
        if (r == 0)
            r = show(req, answer, list, rep);
    }
    if (r == 0)
        rep->body = json_pack("{s:O, s:b}", "dependents", list, "more",
                              ob_json_bool(answer, "more", false));
    return r;
}
