/* DescribeAttempts (OpenBatch's own: docs/access.md): what DescribeJobs has no members for, of the
 * attempts of up to 100 jobs. Unknown jobs are left out. Thread: an HTTP worker. */
#include "job_operations.h"

#include "job_store.h"
#include "ob/json.h"
#include "request/arn.h"

/* A number of the attempt's row; not a number: the member is absent. */
static void set_number(json_t *to, const char *name, const json_t *a, const char *column)
{
    json_t *value = json_object_get(a, column);
    if (json_is_integer(value))
        (void)json_object_set(to, name, value);
}

static json_t *attempt_view(const json_t *a)
{
    json_t *out = json_object();
    const json_t *cpu_ms = json_object_get(a, "cpu_ms");
    set_number(out, "attempt", a, "attempt");
    set_number(out, "startedAt", a, "started_at_ms");
    set_number(out, "stoppedAt", a, "stopped_at_ms");
    if (json_is_integer(cpu_ms))
        (void)json_object_set_new(out, "cpuSeconds",
                                  json_real((double)json_integer_value(cpu_ms) / 1000));
    set_number(out, "peakMemoryBytes", a, "peak_bytes");
    return out;
}

static json_t *job_attempts(const api_request *req, const PGresult *rows, int row)
{
    char text[OB_RUN_TEXT], arn[API_ARN_MAX];
    ob_job_ref ref = { .index = (int32_t)ob_col_int(rows, row, ATTEMPTS_COL_IDX, -1) };
    (void)ob_col_uuid(rows, row, ATTEMPTS_COL_ID, &ref.id);
    ob_job_ref_format(&ref, text);
    arn_job(arn, req->region, req->account, text);
    const char *stored = ob_col(rows, row, ATTEMPTS_COL_ATTEMPTS);
    json_auto_t *attempts = stored ? ob_json_read_text(stored) : NULL;
    json_t *list = json_array();
    size_t i;
    const json_t *a;
    json_array_foreach(attempts, i, a)(void) json_array_append_new(list, attempt_view(a));
    return json_pack("{s:s, s:s, s:s, s:o}", "jobArn", arn, "jobId", text, "jobQueue",
                     ob_col(rows, row, ATTEMPTS_COL_QUEUE_ARN), "attempts", list);
}

int op_describe_attempts(api_request *req, api_reply *rep)
{
    const json_t *jobs = json_object_get(req->body, "jobs");
    ob_cleanup(ob_freep) ob_job_ref *refs = ob_calloc(json_array_size(jobs) + 1, sizeof(*refs));
    size_t n = 0, i;
    const json_t *item;
    json_array_foreach(jobs, i, item)
    {
        if (ob_job_ref_parse(json_string_value(item), &refs[n]))
            n++;
    }
    const job_scope scope = { req->account, req->region };
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = job_store_attempts(req->db, scope, refs, n, &rows, &rep->err);
    if (r < 0)
        return r;
    req_db_release(req);
    json_t *list = json_array();
    rep->body = json_pack("{s:o}", "jobs", list);
    for (int row = 0; row < PQntuples(rows); row++)
        (void)json_array_append_new(list, job_attempts(req, rows, row));
    return 0;
}
