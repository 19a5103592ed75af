/* DescribeComputeEnvironments: by names or ARNs, or page by page. Unknown names are left out.
 * Thread: an HTTP worker. */
#include "environment.h"
#include "environment_operations.h"
#include "request/describe.h"

static int view(const api_request *req,
                const PGresult *rows,
                int row,
                json_t **ret,
                int64_t *ret_id,
                ob_error *err)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    int r = environment_from_row(rows, row, &e, err);
    if (r < 0)
        return r;
    *ret = environment_json(req, &e);
    *ret_id = e.id;
    return 0;
}

int op_describe_compute_environments(api_request *req, api_reply *rep)
{
    static const describe_kind kind = {
        .member = "computeEnvironments",
        .what = "ComputeEnvironments",
        .arn_kind = "compute-environment",
        .list = environment_list,
        .view = view,
    };
    return describe(req, &kind, rep);
}
