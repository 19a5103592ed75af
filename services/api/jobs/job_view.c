/* Owns the conversion of a job's row to JobDetail and JobSummary: the stored, unchanging text with
 * the run-time members inserted. Decides nothing about the job. Pure: any thread. */
#include "job_view.h"

#include <string.h>

#include "job_detail_text.h"
#include "job_store.h"
#include "ob/clock.h"
#include "ob/job.h"
#include "ob/json.h"
#include "ob/log_target.h"
#include "ob/message.h"
#include "ob/rows.h"
#include "pod_view.h"
#include "request/arn.h"

typedef struct view {
    const api_request *req;
    ob_job_ref ref;
    char *stream_prefix; /* of the names of its log streams; NULL: its output goes elsewhere */
    char *log_group, *log_region; /* where those are */
    named_streams *named;         /* where named streams are recorded; NULL: nowhere */
    ob_job_state state;
    int flags;
} view;

static void view_done(view *v)
{
    free(v->stream_prefix);
    free(v->log_group);
    free(v->log_region);
}

static void set_text(json_t *to, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_new(to, name, json_string(value));
}

static void set_time(json_t *to, const char *name, int64_t at_ms)
{
    if (at_ms > 0)
        json_object_set_new(to, name, json_integer(at_ms));
}

/* taskArn, containerInstanceArn and, once it ran, logStreamName of a run. */
static void set_run(
    json_t *container, const view *v, int run, const char *instance, const char *cluster, bool ran)
{
    ob_run_ref ref = { .id = v->ref.id, .index = v->ref.index, .run = run };
    char task[OB_TASK_TEXT];
    char arn[API_ARN_MAX];
    if (instance == NULL || cluster == NULL)
        return;
    ob_run_task_id(&ref, task);
    arn_ecs_container_instance(arn, v->req->region, v->req->account, cluster, instance);
    set_text(container, "containerInstanceArn", arn);
    arn_ecs_task(arn, v->req->region, v->req->account, cluster, task);
    set_text(container, "taskArn", arn);
    if (ran && v->stream_prefix != NULL) {
        ob_cleanup(ob_freep) char *stream = ob_log_stream(v->stream_prefix, &ref);
        set_text(container, "logStreamName", stream);
        if (v->named)
            named_streams_add(v->named, v->log_region, v->log_group, stream, v->ref);
    }
}

/* The container of an attempt that ended (its row, as an object): where it ran, how it ended. */
static void set_attempt(json_t *container, const view *v, const json_t *a)
{
    set_run(container, v, (int)json_integer_value(json_object_get(a, "run")),
            json_string_value(json_object_get(a, "instance_id")),
            json_string_value(json_object_get(a, "cluster")),
            json_is_integer(json_object_get(a, "started_at_ms")));
    if (json_is_integer(json_object_get(a, "exit_code")))
        json_object_set(container, "exitCode", json_object_get(a, "exit_code"));
    set_text(container, "reason", json_string_value(json_object_get(a, "container_reason")));
}

static json_t *attempts_view(const view *v, const json_t *attempts)
{
    json_t *out = json_array();
    size_t i;
    json_t *a;
    json_array_foreach(attempts, i, a)
    {
        json_t *container = json_object();
        set_attempt(container, v, a);
        json_object_set_new(container, "networkInterfaces", json_array());
        json_t *one = json_pack("{s:o}", "container", container);
        set_time(one, "startedAt", json_integer_value(json_object_get(a, "started_at_ms")));
        set_time(one, "stoppedAt", json_integer_value(json_object_get(a, "stopped_at_ms")));
        set_text(one, "statusReason", json_string_value(json_object_get(a, "reason")));
        json_array_append_new(out, one);
    }
    return out;
}

/* statusSummary from "{n,n,...}" in the order of ob_job_state; before the scheduler has seen the
 * array all children are SUBMITTED. */
static json_t *summary_view(const char *counts, int array_size)
{
    json_t *out = json_object();
    const char *at = counts != NULL ? counts : "";
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++) {
        at += strspn(at, "{,");
        char *end;
        long n = strtol(at, &end, 10);
        at = end;
        if (counts == NULL)
            n = s == OB_JOB_SUBMITTED ? array_size : 0;
        json_object_set_new(out, ob_job_state_name(s), json_integer(n));
    }
    return out;
}

static json_t *array_view(const view *v, const PGresult *rows, int row)
{
    int size = (int)ob_col_int(rows, row, JOB_COL_ARRAY_SIZE, 0);
    if (size == 0)
        return NULL;
    if (v->ref.index >= 0)
        return json_pack("{s:i}", "index", (int)v->ref.index);
    return json_pack("{s:i, s:o}", "size", size, "statusSummary",
                     summary_view(ob_col(rows, row, JOB_COL_COUNTS), size));
}

/* Where the job's output goes. Most jobs have no logConfiguration; for those the text need not be
 * parsed. */
static void note_streams(view *v, const char *detail, const char *definition)
{
    json_auto_t *job = NULL;
    if (strstr(detail, "\"logConfiguration\":") != NULL)
        job = ob_json_read_text(detail);
    const json_t *config = json_object_get(json_object_get(job, "container"), "logConfiguration");
    v->stream_prefix = ob_log_prefix(config, definition);
    v->log_group = ob_strdup(ob_log_group(config));
    v->log_region = ob_strdup(ob_log_region(config, v->req->region));
}

/* The common part of all views of a row. */
static bool view_init(view *v, const api_request *req, const PGresult *rows, int row)
{
    *v = (view){
        .req = req,
        .ref.index = (int32_t)ob_col_int(rows, row, JOB_COL_IDX, -1),
        .state = (ob_job_state)ob_col_int(rows, row, JOB_COL_STATE, 0),
        .flags = (int)ob_col_int(rows, row, JOB_COL_FLAGS, 0),
    };
    /* A cancel leaves STARTING and RUNNING jobs alone (AWS: CancelJob). */
    if (v->state == OB_JOB_STARTING || v->state == OB_JOB_RUNNING)
        v->flags &= ~OB_FLAG_CANCELLED;
    return ob_col_uuid(rows, row, JOB_COL_ID, &v->ref.id);
}

static bool view_open(view *v, const api_request *req, const PGresult *rows, int row)
{
    if (!view_init(v, req, rows, row))
        return false;
    note_streams(v, ob_col(rows, row, JOB_COL_DETAIL), ob_col(rows, row, JOB_COL_DEFINITION));
    return true;
}

static json_t *attempts_of(const PGresult *rows, int row)
{
    const char *text = ob_col(rows, row, JOB_COL_ATTEMPTS);
    return text != NULL ? ob_json_read_text(text) : json_array();
}

/* The run-time members of the container: of the current run, else of the last attempt. */
static json_t *container_view(const view *v, const json_t *attempts, const PGresult *rows, int row)
{
    json_t *container = json_object();
    if (v->state == OB_JOB_STARTING || v->state == OB_JOB_RUNNING)
        set_run(container, v, (int)ob_col_int(rows, row, JOB_COL_RUN, 0),
                ob_col(rows, row, JOB_COL_INSTANCE_ID), ob_col(rows, row, JOB_COL_CLUSTER),
                v->state == OB_JOB_RUNNING);
    else if (json_array_size(attempts) > 0)
        set_attempt(container, v, json_array_get(attempts, json_array_size(attempts) - 1));
    return container;
}

/* A job that waits for another attempt shows the start of the last one and no stoppedAt, because
 * clients take that for the end. */
static void
set_status(json_t *to, const view *v, const json_t *attempts, const PGresult *rows, int row)
{
    int64_t started_ms = ob_col_int(rows, row, JOB_COL_STARTED_AT_MS, 0);
    int64_t stopped_ms = ob_col_int(rows, row, JOB_COL_STOPPED_AT_MS, 0);
    size_t n = json_array_size(attempts);
    if (n > 0 && started_ms == 0) {
        const json_t *last = json_array_get(attempts, n - 1);
        started_ms = json_integer_value(json_object_get(last, "started_at_ms"));
    }
    set_text(to, "status", ob_job_state_name(v->state));
    set_text(to, "statusReason", ob_col(rows, row, JOB_COL_REASON));
    set_time(to, "startedAt", started_ms);
    set_time(to, "stoppedAt", stopped_ms);
    json_t *array = array_view(v, rows, row);
    if (array != NULL)
        json_object_set_new(to, "arrayProperties", array);
}

/* Writes ",<members>" of an object, without its braces. */
static void splice(FILE *out, const json_t *object)
{
    ob_cleanup(ob_freep) char *text = json_dumps(object, JSON_COMPACT);
    size_t len = strlen(text);
    if (len > 2)
        fprintf(out, ",%.*s", (int)(len - 2), text + 1);
}

/* The stored text with the job's changed tags, or NULL if they are the same. Children have none
 * (AWS: "Tag your AWS Batch resources"). *ret is new. */
static char *retagged(const view *v, const PGresult *rows, int row)
{
    const char *stored = ob_col(rows, row, JOB_COL_DETAIL);
    const char *tags = ob_col(rows, row, JOB_COL_TAGS);
    if (v->ref.index >= 0)
        tags = strstr(stored, "\"tags\":{}") == NULL ? "{}" : NULL;
    if (tags == NULL)
        return NULL;
    json_auto_t *detail = ob_json_read_text(stored);
    (void)json_object_set_new(detail, "tags", ob_json_read_text(tags));
    return json_dumps(detail, JSON_COMPACT); /* its members stay in their places */
}

/* The output of a job that ended this long ago is deleted, and so are its streams. */
static bool output_is_kept(const api_request *req, const PGresult *rows, int row)
{
    int64_t kept_ms = req->ctx->config->log_retention_s * 1000;
    int64_t stopped_ms = ob_col_int(rows, row, JOB_COL_STOPPED_AT_MS, 0);
    return kept_ms == 0 || stopped_ms == 0 || stopped_ms > ob_wall_ms() - kept_ms;
}

bool job_view_detail(FILE *out,
                     const char *separator,
                     const api_request *req,
                     const PGresult *rows,
                     int row,
                     named_streams *named)
{
    ob_cleanup(view_done) view v = { 0 };
    if (!view_open(&v, req, rows, row))
        return false;
    v.named = output_is_kept(req, rows, row) ? named : NULL;
    char parent[OB_UUID_TEXT];
    char ref[OB_RUN_TEXT];
    char prefix[JOB_DETAIL_PREFIX_MAX];
    ob_cleanup(ob_freep) char *changed = retagged(&v, rows, row);
    const char *detail = changed != NULL ? changed : ob_col(rows, row, JOB_COL_DETAIL);
    json_auto_t *attempts = attempts_of(rows, row);
    json_auto_t *members = json_object();
    set_status(members, &v, attempts, rows, row);
    json_object_set_new(members, "isCancelled", json_boolean(v.flags & OB_FLAG_CANCELLED));
    json_object_set_new(members, "isTerminated", json_boolean(v.flags & OB_FLAG_TERMINATED));
    if (pod_view_is(detail)) {
        bool placed = v.state == OB_JOB_STARTING || v.state == OB_JOB_RUNNING;
        pod_view_write(out, separator, &(pod_view){ req, &v.ref, detail, attempts, placed },
                       members, rows, row);
        return true;
    }
    ob_uuid_format(&v.ref.id, parent);
    job_detail_prefix(prefix, req->region, req->account, parent);
    size_t skip = strlen(prefix);

    json_auto_t *container = container_view(&v, attempts, rows, row);
    json_object_set_new(members, "attempts", attempts_view(&v, attempts));

    ob_job_ref_format(&v.ref, ref);
    job_detail_prefix(prefix, req->region, req->account, ref);
    fputs(separator, out);
    fputs(prefix, out);
    fwrite(detail + skip, 1, strlen(detail) - skip - strlen("}}"), out);
    splice(out, container);
    fputc('}', out);
    splice(out, members);
    fputc('}', out);
    return true;
}

/* What never changes: the summary of job_list.sql. Returns whether the job is of EKS. */
static bool set_summary(json_t *to, const view *v, const PGresult *rows, int row)
{
    json_auto_t *summary = ob_json_read_text(ob_col(rows, row, JOB_COL_DETAIL));
    bool eks = ob_json_bool(summary, "eks", false);
    char arn[API_ARN_MAX];
    arn_job_definition(arn, v->req->region, v->req->account, ob_col(rows, row, JOB_COL_DEFINITION),
                       (int)ob_json_int(summary, "revision", 0));
    json_object_set(to, "jobName", json_object_get(summary, "jobName"));
    json_object_set(to, "createdAt", json_object_get(summary, "createdAt"));
    set_text(to, "jobDefinition", ob_json_str(summary, "jobDefinition", arn));
    set_text(to, "shareIdentifier", ob_json_str(summary, "shareIdentifier", NULL));
    json_object_set_new(to, "capacityUsage",
                        json_pack("[{s:s, s:f}]", "capacityUnit", eks ? "cpu" : "VCPU", "quantity",
                                  (double)ob_json_int(summary, "mcpu", 0) / 1000));
    return eks;
}

static json_t *container_summary(const json_t *attempts)
{
    json_t *container = json_object();
    if (json_array_size(attempts) > 0) {
        const json_t *last = json_array_get(attempts, json_array_size(attempts) - 1);
        if (json_is_integer(json_object_get(last, "exit_code")))
            json_object_set(container, "exitCode", json_object_get(last, "exit_code"));
        set_text(container, "reason", json_string_value(json_object_get(last, "container_reason")));
    }
    return container;
}

json_t *job_view_summary(const api_request *req, const PGresult *rows, int row)
{
    view v;
    if (!view_init(&v, req, rows, row))
        return NULL;
    char ref[OB_RUN_TEXT];
    char arn[API_ARN_MAX];
    json_auto_t *attempts = attempts_of(rows, row);
    ob_job_ref_format(&v.ref, ref);
    arn_job(arn, req->region, req->account, ref);
    json_t *out = json_pack("{s:s, s:s}", "jobArn", arn, "jobId", ref);
    bool eks = set_summary(out, &v, rows, row);
    set_status(out, &v, attempts, rows, row);
    if (!eks)
        json_object_set_new(out, "container", container_summary(attempts));
    if (v.flags & OB_FLAG_CANCELLED)
        json_object_set_new(out, "isCancelled", json_true());
    if (v.flags & OB_FLAG_TERMINATED)
        json_object_set_new(out, "isTerminated", json_true());
    return out;
}
