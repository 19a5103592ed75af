/* DescribeAttempts (OpenBatch's own: docs/access.md): what DescribeJobs has no members for, of the
 * attempts of up to 100 jobs. Unknown jobs are left out. Thread: an HTTP worker. */
#include "job_operations.h"

#include "job_store.h"
#include "ob/json.h"
#include "ob/log_target.h"
#include "request/arn.h"

#define NO_NUMBER INT64_MIN

/* A column of the attempt's row. */
static int64_t number(const json_t *a, const char *column)
{
    const json_t *value = json_object_get(a, column);
    return json_is_integer(value) ? json_integer_value(value) : NO_NUMBER;
}

static void set_number(json_t *to, const char *name, int64_t value)
{
    if (value != NO_NUMBER)
        (void)json_object_set_new(to, name, json_integer(value));
}

/* A time that is stored as milliseconds after another one. */
static int64_t after(int64_t at_ms, int64_t ms)
{
    return at_ms == NO_NUMBER || ms == NO_NUMBER ? NO_NUMBER : at_ms + ms;
}

/* Where the output of a run of an EKS job is. A container shows it itself. definition: NULL: the
 * job is of another kind. */
static void set_stream(
    json_t *to, const ob_job_ref *job, const char *definition, int64_t run, int64_t started_at_ms)
{
    if (!definition || run == NO_NUMBER || started_at_ms == NO_NUMBER)
        return;
    ob_run_ref ref = { .id = job->id, .index = job->index, .run = (int32_t)run };
    ob_cleanup(ob_freep) char *prefix = ob_log_prefix(NULL, definition);
    ob_cleanup(ob_freep) char *stream = ob_log_stream(prefix, &ref);
    (void)json_object_set_new(to, "logStreamName", json_string(stream));
}

static json_t *attempt_view(const json_t *a, const ob_job_ref *job, const char *definition)
{
    json_t *out = json_object();
    int64_t placed_ms = number(a, "placed_at_ms"), cpu_ms = number(a, "cpu_ms");
    set_number(out, "attempt", number(a, "attempt"));
    set_number(out, "runnableAt", number(a, "runnable_at_ms"));
    set_number(out, "placedAt", placed_ms);
    set_number(out, "pulledAt", after(placed_ms, number(a, "pulled_ms")));
    set_number(out, "createdAt", after(placed_ms, number(a, "created_ms")));
    set_number(out, "startedAt", number(a, "started_at_ms"));
    set_number(out, "stoppedAt", number(a, "stopped_at_ms"));
    if (cpu_ms != NO_NUMBER)
        (void)json_object_set_new(out, "cpuSeconds", json_real((double)cpu_ms / 1000));
    set_number(out, "peakMemoryBytes", number(a, "peak_bytes"));
    set_stream(out, job, definition, number(a, "run"), number(a, "started_at_ms"));
    return out;
}

/* The attempt that has not ended; NULL: there is none. */
static json_t *
present_attempt(const PGresult *rows, int row, const ob_job_ref *job, const char *definition)
{
    static const struct {
        const char *name;
        int column;
    } members[] = { { "attempt", ATTEMPTS_COL_NOW_ATTEMPT },
                    { "runnableAt", ATTEMPTS_COL_NOW_RUNNABLE_AT_MS },
                    { "placedAt", ATTEMPTS_COL_NOW_PLACED_AT_MS },
                    { "startedAt", ATTEMPTS_COL_NOW_STARTED_AT_MS } };
    if (!ob_col(rows, row, ATTEMPTS_COL_NOW_ATTEMPT))
        return NULL;
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        set_number(out, members[i].name, ob_col_int(rows, row, members[i].column, NO_NUMBER));
    set_stream(out, job, definition, ob_col_int(rows, row, ATTEMPTS_COL_NOW_RUN, NO_NUMBER),
               ob_col_int(rows, row, ATTEMPTS_COL_NOW_STARTED_AT_MS, NO_NUMBER));
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
    const char *definition = ob_col(rows, row, ATTEMPTS_COL_POD_DEFINITION);
    json_array_foreach(attempts, i, a)
    {
        (void)json_array_append_new(list, attempt_view(a, &ref, definition));
    }
    json_t *present = present_attempt(rows, row, &ref, definition);
    if (present)
        (void)json_array_append_new(list, present);
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
