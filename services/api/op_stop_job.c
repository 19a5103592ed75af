/* CancelJob and TerminateJob: a durable request; the scheduler decides what it means for the job.
 * Unknown and ended jobs: success, no effect (AWS: "CancelJob", "TerminateJob"). Thread: an HTTP
 * worker. */
#include <string.h>

#include "job_detail.h"
#include "job_store.h"
#include "ops.h"

static int stop_job(api_request *req, bool terminate, api_reply *rep)
{
    char scope[JOB_DETAIL_PREFIX_MAX];
    ob_job_ref job;
    bool written = false;
    if (!ob_job_ref_parse(json_string_value(json_object_get(req->body, "jobId")), &job))
        return 0;
    job_detail_scope(scope, req->region, req->account);
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_stop(req->db, &job, scope, terminate,
                           json_string_value(json_object_get(req->body, "reason")), &written,
                           &rep->err);
    if (r < 0)
        return r;
    if (written)
        api_ring_command(req->ctx);
    return 0;
}

int op_cancel_job(api_request *req, api_reply *rep)
{
    return stop_job(req, false, rep);
}

int op_terminate_job(api_request *req, api_reply *rep)
{
    return stop_job(req, true, rep);
}
