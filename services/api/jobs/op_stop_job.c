/* CancelJob, TerminateJob, CancelJobs, TerminateJobs: stored requests; the scheduler decides their
 * effect on a job. Unknown and ended jobs: success, no effect (AWS: "CancelJob", "TerminateJob").
 * Thread: an HTTP worker. */
#include "auth/authorize.h"
#include "job_operations.h"
#include "job_store.h"
#include "ob/message.h"
#include "request/names.h"

#define BULK_MAX 50 /* as the table of members says */

static int stop(api_request *req, const ob_job_ref *jobs, size_t n, bool terminate, api_reply *rep)
{
    const job_scope scope = { req->account, req->region };
    const job_stop how = { .terminate = terminate, .reason = ob_json_str(req->body, "reason", "") };
    bool written = false;
    if (n == 0)
        return 0;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_stop(req->db, scope, jobs, n, how, &written, &rep->err);
    if (r == 0 && written)
        api_ring_command(req->ctx);
    return r;
}

static int stop_one(api_request *req, bool terminate, api_reply *rep)
{
    const api_name *job = names_of(req, "jobId");
    return job && job->valid ? stop(req, &job->job, 1, terminate, rep) : 0;
}

static void add_error(json_t *errors, json_t *job, const char *code, const char *message)
{
    json_array_append_new(
        errors, json_pack("{s:O, s:s, s:s}", "job", job, "code", code, "message", message));
}

/* AWS answers for each job separately: a missing right for one does not prevent stopping the
 * others */
static int stop_many(api_request *req, bool terminate, api_reply *rep)
{
    ob_job_ref jobs[BULK_MAX];
    size_t n = 0, i;
    json_t *item;
    json_t *successful = json_array(), *errors = json_array();
    rep->body = json_pack("{s:o, s:o}", "successful", successful, "errors", errors);
    json_array_foreach(json_object_get(req->body, "jobs"), i, item)
    {
        if (i >= BULK_MAX || !ob_job_ref_parse(json_string_value(item), &jobs[n])) {
            add_error(errors, item, "ValidationException", "Invalid job id.");
            continue;
        }
        api_reply verdict = { 0 };
        int r = access_check_job(req, &jobs[n], &verdict);
        if (r < 0 && !verdict.code) {
            rep->err = verdict.err;
            return r;
        }
        if (r < 0) {
            add_error(errors, item, "AccessDenied", verdict.message);
            continue;
        }
        n++;
        json_array_append(successful, item);
    }
    return stop(req, jobs, n, terminate, rep);
}

int op_cancel_job(api_request *req, api_reply *rep)
{
    return stop_one(req, false, rep);
}

int op_terminate_job(api_request *req, api_reply *rep)
{
    return stop_one(req, true, rep);
}

int op_cancel_jobs(api_request *req, api_reply *rep)
{
    return stop_many(req, false, rep);
}

int op_terminate_jobs(api_request *req, api_reply *rep)
{
    return stop_many(req, true, rep);
}
