/* DescribeJobs: up to 100 references, read in one statement; unknown ones are left out. Creates the
 * log streams that the answer names, if they are missing. Thread: an HTTP worker. */
#include "job_operations.h"
#include "job_store.h"
#include "job_view.h"
#include "ob/log.h"
#include "request/operation.h"

#define DESCRIBE_MAX 100

/* The answer is true without them, and the first output creates them at the latest: a full disk
 * must not prevent clients from looking at jobs. */
static void make_streams(api_request *req, const named_streams *named)
{
    ob_error err = { 0 };
    if (named->n == 0)
        return;
    int r = req_db(req, &err);
    if (r == 0)
        r = named_streams_make(req->db, req->account, named, &err);
    req_db_release(req);
    if (r < 0)
        ob_warn("log.streams_failed", "{s:s}", "error", err.text);
}

int op_describe_jobs(api_request *req, api_reply *rep)
{
    const json_t *jobs = json_object_get(req->body, "jobs");
    if (json_array_size(jobs) > DESCRIBE_MAX)
        return api_client_error_long(rep, req->request_id,
                                     "Maximum number of jobs supported is  %d .",
                                     DESCRIBE_MAX); /* the two blanks are AWS's */
    ob_job_ref refs[DESCRIBE_MAX];
    size_t n = 0;
    size_t i;
    json_t *item;
    json_array_foreach(jobs, i, item)
    {
        if (ob_job_ref_parse(json_string_value(item), &refs[n]))
            n++;
    }
    const job_scope scope = { req->account, req->region };
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_describe(req->db, scope, refs, n, &rows, &rep->err);
    if (r < 0)
        return r;
    req_db_release(req); /* what follows is long text */
    FILE *out = open_memstream(&rep->raw, &rep->raw_len);
    if (out == NULL)
        return ob_fail(&rep->err, ENOMEM, "out of memory");
    fputs("{\"jobs\":[", out);
    const char *separator = "";
    ob_cleanup(named_streams_done) named_streams named = { 0 };
    for (int row = 0; row < PQntuples(rows); row++) {
        if (job_view_detail(out, separator, req, rows, row, &named))
            separator = ",";
    }
    fputs("]}", out);
    fclose(out);
    make_streams(req, &named);
    return 0;
}
