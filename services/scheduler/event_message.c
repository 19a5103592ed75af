/* Renders events: the job's stored detail is copied, with the content of the event row inserted
 * (AWS Batch user guide, "AWS Batch events"; the detail is a JobDetail at the time of the change).
 * Owns nothing. Any thread. */
#include "event_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "detail.h"
#include "ob/db.h"
#include "ob/digest.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/rows.h"
#include "scheduler_store.h"

#define ARRAY_MAX                                                                                  \
    (32LL << 20)                 /* bytes that one transition of all children of an array may take \
                                  */
#define DEFINITION_IN_STREAM 200 /* characters of the definition's name in a log stream's name */

typedef struct subject {
    ob_job_ref ref;
    char id[OB_RUN_TEXT]; /* <uuid> or <uuid>:<index> */
    const char *detail, *definition;
    detail_arn arn; /* region and account */
    ob_job_state state;
} subject;

/* A run and its end, for an event or an attempt. */
typedef struct run_view {
    int32_t run;
    const char *instance, *cluster, *exit_code, *reason;
    bool started;
} run_view;

static void add_span(ob_buf *t, detail_span span)
{
    ob_buf_add(t, span.at, span.len);
}

static void add_job_arn(ob_buf *t, const subject *s)
{
    ob_buf_str(t, "\"arn:aws:batch:");
    add_span(t, s->arn.region);
    ob_buf_str(t, ":");
    add_span(t, s->arn.account);
    ob_buf_addf(t, ":job/%s\"", s->id);
}

static void add_ecs_arn(ob_buf *t,
                        const char *name,
                        const subject *s,
                        const char *kind,
                        const char *cluster,
                        const char *id)
{
    ob_buf_addf(t, ",\"%s\":\"arn:aws:ecs:", name);
    add_span(t, s->arn.region);
    ob_buf_str(t, ":");
    add_span(t, s->arn.account);
    ob_buf_addf(t, ":%s/%s/%s\"", kind, cluster, id);
}

/* The prefix of its log streams' names, as it is written in the detail or the definition's name.
 * False: its output goes elsewhere. */
static bool stream_prefix(const subject *s, detail_span *ret)
{
    detail_span container, config, options;
    *ret = (detail_span){ s->definition, strnlen(s->definition, DEFINITION_IN_STREAM) };
    if (!detail_get(s->detail, "container", &container) ||
        !detail_get(container.at, "logConfiguration", &config))
        return true;
    detail_span driver = detail_string(config.at, "logDriver"), prefix = { 0 };
    if (detail_get(config.at, "options", &options))
        prefix = detail_string(options.at, "awslogs-stream-prefix");
    if (prefix.len)
        *ret = prefix;
    return driver.len == 0 || detail_is(&driver, "awslogs");
}

/* Members of a container that are known only at run time; each begins with a comma. */
static void add_run(ob_buf *t, const subject *s, const run_view *run)
{
    if (run->instance && run->cluster) {
        ob_run_ref ref = { .id = s->ref.id, .index = s->ref.index, .run = run->run };
        char task[OB_TASK_TEXT];
        ob_run_task_id(&ref, task);
        add_ecs_arn(t, "containerInstanceArn", s, "container-instance", run->cluster,
                    run->instance);
        add_ecs_arn(t, "taskArn", s, "task", run->cluster, task);
        detail_span prefix;
        if (run->started && stream_prefix(s, &prefix)) {
            ob_buf_str(t, ",\"logStreamName\":\"");
            add_span(t, prefix);
            ob_buf_addf(t, "/default/%s\"", task);
        }
    }
    if (run->exit_code)
        ob_buf_addf(t, ",\"exitCode\":%s", run->exit_code);
    if (run->reason) {
        ob_buf_str(t, ",\"reason\":");
        ob_buf_json(t, run->reason);
    }
}

static run_view attempt_run(const PGresult *attempts, int row)
{
    return (run_view){
        .run = (int32_t)ob_col_int(attempts, row, ATTEMPT_RUN, 0),
        .instance = ob_col(attempts, row, ATTEMPT_INSTANCE_ID),
        .cluster = ob_col(attempts, row, ATTEMPT_CLUSTER),
        .exit_code = ob_col(attempts, row, ATTEMPT_EXIT_CODE),
        .reason = ob_col(attempts, row, ATTEMPT_CONTAINER_REASON),
        .started = ob_col(attempts, row, ATTEMPT_STARTED_AT_MS) != NULL,
    };
}

/* Orders an attempt's row against the subject's job. */
static int cmp_job(const subject *s, const PGresult *attempts, int row)
{
    return strncmp(ob_col(attempts, row, ATTEMPT_JOB_ID), s->id, OB_UUID_TEXT - 1);
}

/* The first attempt of the subject's job; they are ordered by it. */
static int first_attempt(const subject *s, const PGresult *attempts)
{
    int low = 0, high = attempts ? PQntuples(attempts) : 0;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (cmp_job(s, attempts, middle) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_time(ob_buf *t, const char *name, const char *at_ms)
{
    if (at_ms)
        ob_buf_addf(t, ",\"%s\":%s", name, at_ms);
}

static void add_reason(ob_buf *t, const char *name, const char *reason)
{
    if (!reason)
        return;
    ob_buf_addf(t, ",\"%s\":", name);
    ob_buf_json(t, reason);
}

/* Returns the row of the last attempt, -1 without one. */
static int add_attempts(ob_buf *t, const subject *s, const PGresult *attempts, int64_t ended)
{
    int last = -1;
    ob_buf_str(t, ",\"attempts\":[");
    int rows = attempts && ended > 0 ? PQntuples(attempts) : 0;
    for (int i = rows ? first_attempt(s, attempts) : 0; i < rows && cmp_job(s, attempts, i) == 0;
         i++) {
        /* An attempt of this child that had ended at the event. */
        if (ob_col_int(attempts, i, ATTEMPT_IDX, -1) != s->ref.index ||
            ob_col_int(attempts, i, ATTEMPT_ATTEMPT, 0) > ended)
            continue;
        run_view run = attempt_run(attempts, i);
        ob_buf_addf(t, "%s{\"container\":{\"networkInterfaces\":[]", last >= 0 ? "," : "");
        add_run(t, s, &run);
        ob_buf_str(t, "}");
        add_time(t, "startedAt", ob_col(attempts, i, ATTEMPT_STARTED_AT_MS));
        add_time(t, "stoppedAt", ob_col(attempts, i, ATTEMPT_STOPPED_AT_MS));
        add_reason(t, "statusReason", ob_col(attempts, i, ATTEMPT_REASON));
        ob_buf_str(t, "}");
        last = i;
    }
    ob_buf_str(t, "]");
    return last;
}

/* The current run, else the last attempt. */
static run_view
latest_run(const subject *s, const PGresult *events, int row, const PGresult *attempts, int last)
{
    if (last >= 0 && !ob_col(events, row, EVENT_INSTANCE_ID))
        return attempt_run(attempts, last);
    return (run_view){
        .run = (int32_t)ob_col_int(events, row, EVENT_RUN, 0),
        .instance = ob_col(events, row, EVENT_INSTANCE_ID),
        .cluster = ob_col(events, row, EVENT_CLUSTER),
        .exit_code = ob_col(events, row, EVENT_EXIT_CODE),
        .reason = ob_col(events, row, EVENT_CONTAINER_REASON),
        .started = s->state != OB_JOB_STARTING && ob_col(events, row, EVENT_STARTED_AT_MS) != NULL,
    };
}

static void add_array(ob_buf *t, const subject *s, const PGresult *events, int row)
{
    int64_t size = ob_col_int(events, row, EVENT_ARRAY_SIZE, 0);
    if (size == 0)
        return;
    if (s->ref.index >= 0) {
        ob_buf_addf(t, ",\"arrayProperties\":{\"index\":%d}", s->ref.index);
        return;
    }
    ob_buf_addf(t, ",\"arrayProperties\":{\"size\":%" PRId64 ",\"statusSummary\":{", size);
    const char *counts = ob_col(events, row, EVENT_COUNTS); /* {n,n,n,n,n,n,n} */
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++) {
        long n = 0;
        if (counts && *counts && *counts != '}') {
            char *end;
            n = strtol(counts + 1, &end, 10);
            counts = end;
        }
        ob_buf_addf(t, "%s\"%s\":%ld", i ? "," : "", ob_job_state_name((ob_job_state)i), n);
    }
    ob_buf_str(t, "}}");
}

/* A member that is longer than this is left out of a lean event, or empty in it. */
#define LEAN_MAX 256

/* A member as it is stored. */
static void add_member(ob_buf *t, const detail_span *key, const detail_span *value, bool lean)
{
    bool empty = lean && value->len > LEAN_MAX;
    if (empty && value->at[0] != '[' && value->at[0] != '{')
        return;
    ob_buf_str(t, ",\"");
    add_span(t, *key);
    ob_buf_str(t, "\":");
    if (empty)
        ob_buf_str(t, value->at[0] == '[' ? "[]" : "{}");
    else
        add_span(t, *value);
}

/* Members of the stored detail that the event replaces. */
static bool is_ours(const detail_span *key)
{
    static const char *const names[] = {
        "jobArn",    "jobId",     "attempts",        "status",      "statusReason",
        "startedAt", "stoppedAt", "arrayProperties", "isCancelled", "isTerminated",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (detail_is(key, names[i]))
            return true;
    }
    return false;
}

/* An object with its members and more after them; each of 'more' begins with a comma. */
static void
add_object(ob_buf *t, const char *name, const detail_span *object, const ob_buf *more, bool lean)
{
    ob_buf members = { 0 };
    const char *pos = object->at;
    detail_span key, value;
    while (detail_next(&pos, &key, &value))
        add_member(&members, &key, &value, lean);
    if (more->len)
        ob_buf_add(&members, more->at, more->len);
    ob_buf_addf(t, ",\"%s\":{", name);
    if (members.len)
        ob_buf_add(t, members.at + 1, members.len - 1);
    ob_buf_str(t, "}");
    ob_buf_done(&members);
}

static void add_stored(ob_buf *t, const subject *s, const ob_buf *run, bool lean)
{
    const char *pos = s->detail;
    detail_span key, value;
    while (detail_next(&pos, &key, &value)) {
        if (is_ours(&key))
            continue;
        if (detail_is(&key, "container") && value.at[0] == '{') {
            add_object(t, "container", &value, run, lean);
        } else if (detail_is(&key, "tags") && value.at[0] == '{') {
            ob_buf arn = { 0 };
            ob_buf_str(&arn, ",\"resourceArn\":");
            add_job_arn(&arn, s);
            add_object(t, "tags", &value, &arn, false);
            ob_buf_done(&arn);
        } else {
            add_member(t, &key, &value, lean);
        }
    }
}

/* Derived from (round, n, index) and the job, so repeated events have the same id; RFC 9562 version
 * 8. */
static void event_id(char out[OB_UUID_TEXT], const PGresult *events, int row, const subject *s)
{
    char name[160];
    uint8_t hash[OB_SHA256_BYTES];
    int n = snprintf(name, sizeof(name), "%s/%s/%s", ob_col(events, row, EVENT_ROUND),
                     ob_col(events, row, EVENT_N), s->id);
    ob_sha256(name, (size_t)n, hash);
    ob_uuid id;
    memcpy(id.b, hash, sizeof(id.b));
    id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x80);
    id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
    ob_uuid_format(&id, out);
}

static void add_envelope(ob_buf *t, const PGresult *events, int row, const subject *s)
{
    char id[OB_UUID_TEXT], when[32];
    time_t at = (time_t)(ob_col_int(events, row, EVENT_AT_MS, 0) / 1000);
    struct tm utc;
    event_id(id, events, row, s);
    (void)gmtime_r(&at, &utc);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
    bool blocked = ob_col_bool(events, row, EVENT_BLOCKED);
    ob_buf_addf(t,
                "{\"version\":\"0\",\"id\":\"%s\",\"detail-type\":\"%s\","
                "\"source\":\"aws.batch\",\"account\":\"",
                id, blocked ? "Batch Job Queue Blocked" : "Batch Job State Change");
    add_span(t, s->arn.account);
    ob_buf_addf(t, "\",\"time\":\"%s\",\"region\":\"", when);
    add_span(t, s->arn.region);
    ob_buf_str(t, "\",\"resources\":[");
    add_job_arn(t, s);
    if (blocked) {
        ob_buf_str(t, ",\"");
        add_span(t, detail_string(s->detail, "jobQueue"));
        ob_buf_str(t, "\"");
    }
    ob_buf_str(t, "],\"detail\":{\"jobArn\":");
    add_job_arn(t, s);
    ob_buf_addf(t, ",\"jobId\":\"%s\"", s->id);
}

bool event_is_lean(const PGresult *events, int row, int32_t index)
{
    int64_t size = ob_col_int(events, row, EVENT_ARRAY_SIZE, 0);
    return index >= 0 && size * (int64_t)strlen(ob_col(events, row, EVENT_DETAIL)) > ARRAY_MAX;
}

void event_render(ob_buf *out,
                  const PGresult *events,
                  int row,
                  int32_t index,
                  const PGresult *attempts,
                  bool lean)
{
    subject s = {
        .ref.index = index,
        .detail = ob_col(events, row, EVENT_DETAIL),
        .definition = ob_col(events, row, EVENT_DEFINITION),
        .state = (ob_job_state)ob_col_int(events, row, EVENT_STATE, 0),
    };
    int64_t flags = ob_col_int(events, row, EVENT_FLAGS, 0);
    (void)ob_col_uuid(events, row, EVENT_JOB_ID, &s.ref.id);
    ob_job_ref_format(&s.ref, s.id);
    s.arn = detail_arn_of(s.detail, "jobArn");

    ob_buf attempts_text = { 0 }, run_text = { 0 };
    int last =
        add_attempts(&attempts_text, &s, attempts, ob_col_int(events, row, EVENT_ATTEMPT, 0));
    run_view run = latest_run(&s, events, row, attempts, last);
    add_run(&run_text, &s, &run);

    add_envelope(out, events, row, &s);
    add_stored(out, &s, &run_text, lean);
    ob_buf_addf(out, ",\"status\":\"%s\"", ob_job_state_name(s.state));
    add_reason(out, "statusReason", ob_col(events, row, EVENT_REASON));
    const char *started = ob_col(events, row, EVENT_STARTED_AT_MS);
    if (!started && last >= 0)
        started = ob_col(attempts, last, ATTEMPT_STARTED_AT_MS);
    add_time(out, "startedAt", started);
    add_time(out, "stoppedAt", ob_col(events, row, EVENT_STOPPED_AT_MS));
    ob_buf_add(out, attempts_text.at, attempts_text.len);
    add_array(out, &s, events, row);
    if (flags & OB_FLAG_CANCELLED)
        ob_buf_str(out, ",\"isCancelled\":true");
    if (flags & OB_FLAG_TERMINATED)
        ob_buf_str(out, ",\"isTerminated\":true");
    ob_buf_str(out, "}}");
    ob_buf_done(&attempts_text);
    ob_buf_done(&run_text);
}
