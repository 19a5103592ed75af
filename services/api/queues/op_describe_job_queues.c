/* DescribeJobQueues: by names or ARNs, or page by page. Unknown names are left out.
 * Thread: an HTTP worker. */
#include "queue_operations.h"
#include "queue_rules.h"
#include "request/describe.h"

static int view(const api_request *req,
                const PGresult *rows,
                int row,
                json_t **ret,
                int64_t *ret_id,
                ob_error *err)
{
    ob_cleanup(api_wanted_queue_done) api_wanted_queue q = { 0 };
    int r = queue_from_row(rows, row, &q, err);
    if (r < 0)
        return r;
    *ret = queue_json(req, &q);
    *ret_id = q.id;
    return 0;
}

int op_describe_job_queues(api_request *req, api_reply *rep)
{
    static const describe_kind kind = {
        .member = "jobQueues",
        .what = "JobQueues",
        .arn_kind = "job-queue",
        .list = queue_list,
        .view = view,
    };
    return describe(req, &kind, rep);
}
