/* DescribeInstance (OpenBatch's own: docs/access.md): an instance, and what runs on it, page by
 * page in the order of the jobs. Reads only. Thread: an HTTP worker.
 *
 * Invariant: of a job that the key may not see by DescribeJobs nothing is shown but its vCPUs. */
#include "auth/authorize.h"
#include "environment.h"
#include "environment_operations.h"
#include "instance_store.h"
#include "instance_view.h"
#include "ob/job.h"
#include "ob/message.h"
#include "request/paging.h"

#define PAGE_MAX 100

static json_t *run_json(const api_request *req, const ob_job_ref *job, const PGresult *rows, int i)
{
    char id[OB_RUN_TEXT], arn[API_ARN_MAX];
    const char *queue = ob_col(rows, i, INSTANCE_RUN_COL_QUEUE);
    ob_job_state state = (ob_job_state)ob_col_int(rows, i, INSTANCE_RUN_COL_STATE, 0);
    json_t *out = instance_size_json(ob_col_int(rows, i, INSTANCE_RUN_COL_MCPU, 0),
                                     ob_col_int(rows, i, INSTANCE_RUN_COL_MEM_MIB, 0),
                                     ob_col_int(rows, i, INSTANCE_RUN_COL_GPUS, 0));
    ob_job_ref_format(job, id);
    json_auto_t *more =
        json_pack("{s:s, s:s, s:s, s:I, s:b}", "jobId", id, "jobName",
                  ob_col(rows, i, INSTANCE_RUN_COL_NAME), "status", ob_job_state_name(state),
                  "attempt", (json_int_t)ob_col_int(rows, i, INSTANCE_RUN_COL_ATTEMPT, 1),
                  "stopping", ob_col_bool(rows, i, INSTANCE_RUN_COL_STOPPING));
    (void)json_object_update(out, more);
    if (queue) {
        arn_job_queue(arn, req->region, req->account, queue);
        (void)json_object_set_new(out, "jobQueue", json_string(arn));
    }
    int64_t started_ms = ob_col_int(rows, i, INSTANCE_RUN_COL_STARTED_AT_MS, 0);
    if (started_ms > 0)
        (void)json_object_set_new(out, "startedAt", json_integer(started_ms));
    return out;
}

static ob_job_ref run_job(const PGresult *rows, int i)
{
    ob_job_ref job = { .index = (int32_t)ob_col_int(rows, i, INSTANCE_RUN_COL_IDX, -1) };
    (void)ob_col_uuid(rows, i, INSTANCE_RUN_COL_JOB_ID, &job.id);
    return job;
}

static int add_run(api_request *req, const PGresult *rows, int i, json_t *runs, ob_error *err)
{
    ob_job_ref job = run_job(rows, i);
    bool seen = false;
    int r = access_sees_job(req, &job, &seen, err);
    if (r < 0)
        return r;
    double vcpus = (double)ob_col_int(rows, i, INSTANCE_RUN_COL_MCPU, 0) / 1000;
    (void)json_array_append_new(runs, seen ? run_json(req, &job, rows, i)
                                           : json_pack("{s:f}", "vcpus", vcpus));
    return 0;
}

static void set_next(api_request *req, const ob_job_ref *last, api_reply *rep)
{
    char position[OB_RUN_TEXT];
    ob_job_ref_format(last, position);
    ob_cleanup(ob_freep) char *token = page_token_new(req, position);
    (void)json_object_set_new(rep->body, "nextToken", json_string(token));
}

static int
add_runs(api_request *req, const char *instance, const ob_job_ref *after, int limit, api_reply *rep)
{
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = instance_runs(req, instance, after, limit + 1, &rows, &rep->err);
    json_t *runs = json_array();
    (void)json_object_set_new(rep->body, "runs", runs);
    for (int i = 0; r == 0 && i < limit && i < PQntuples(rows); i++)
        r = add_run(req, rows, i, runs, &rep->err);
    if (r == 0 && PQntuples(rows) > limit) {
        ob_job_ref last = run_job(rows, limit - 1);
        set_next(req, &last, rep);
    }
    return r;
}

int op_describe_instance(api_request *req, api_reply *rep)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    ob_cleanup(ob_freep) char *position = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *row = NULL;
    const char *id = ob_json_str(req->body, "instanceId", "");
    ob_job_ref after = { .index = INT32_MIN };
    int limit = 0;
    int r = page_read(req, PAGE_MAX, &limit, &position, rep);
    if (r == 0 && position && !ob_job_ref_parse(position, &after))
        r = api_client_error(rep, "Invalid nextToken");
    if (r == 0)
        r = environment_looked_at(req, &e, rep);
    if (r == 0)
        r = instance_one(req, e.id, id, &row, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(row) == 0)
        return api_error(rep, 400, "NoSuchEntityException",
                         "compute environment %s has no instance %s", e.name, id);
    rep->body = instance_json(row, 0);
    return add_runs(req, id, &after, limit, rep);
}
