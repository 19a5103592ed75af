/* CountJobs (OpenBatch's own: docs/access.md): how many jobs and array children queues have in each
 * state, as last written by the scheduler. One row a queue, whatever it holds: nothing is counted
 * here. Thread: an HTTP worker. */
#include <string.h>

#include "ob/job.h"
#include "queue_operations.h"
#include "queue_store.h"
#include "request/describe.h"

/* From "{n,n,...}" in the order of ob_job_state; NULL: the queue has had no job. */
static json_t *states_json(const char *counts)
{
    json_t *out = json_object();
    const char *at = counts ? counts : "";
    for (int state = 0; state < OB_JOB_STATE_COUNT; state++) {
        char *end = NULL;
        at += strspn(at, "{,");
        long long n = strtoll(at, &end, 10);
        at = end;
        (void)json_object_set_new(out, ob_job_state_name((ob_job_state)state), json_integer(n));
    }
    return out;
}

static int view(const api_request *req,
                const PGresult *rows,
                int row,
                json_t **ret,
                int64_t *ret_id,
                ob_error *err)
{
    char arn[API_ARN_MAX];
    const char *name = ob_col(rows, row, COUNTED_COL_NAME);
    (void)err;
    arn_job_queue(arn, req->region, req->account, name);
    *ret = json_pack("{s:s, s:s, s:o, s:o}", "jobQueueName", name, "jobQueueArn", arn, "jobs",
                     states_json(ob_col(rows, row, COUNTED_COL_JOBS)), "children",
                     states_json(ob_col(rows, row, COUNTED_COL_CHILDREN)));
    int64_t at_ms = ob_col_int(rows, row, COUNTED_COL_COUNTED_AT_MS, 0);
    if (at_ms > 0)
        (void)json_object_set_new(*ret, "countedAt", json_integer(at_ms));
    *ret_id = ob_col_int(rows, row, COUNTED_COL_ID, 0);
    return 0;
}

int op_count_jobs(api_request *req, api_reply *rep)
{
    static const describe_kind kind = {
        .member = "jobQueues",
        .what = "JobQueues",
        .arn_kind = "job-queue",
        .list = queue_counted,
        .view = view,
    };
    return describe(req, &kind, rep);
}
