/* Renders events: what a job's events have in common (event_job.c), with the content of the event
 * row inserted (AWS Batch user guide, "AWS Batch events"; the detail is a JobDetail at the time of
 * the change). Owns nothing. Thread: the owner of the jobs. */
#include "event_message.h"
#include "event_pod.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ob/db.h"
#include "ob/digest.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/rows.h"
#include "scheduler_store.h"

/* Bytes that one transition of all children of an array may take. */
#define ARRAY_MAX (32LL << 20)

typedef struct subject {
    event_job *job;
    int32_t index;        /* -1: the job itself */
    char id[OB_RUN_TEXT]; /* <uuid> or <uuid>:<index> */
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

static void add_scope(ob_buf *t, const subject *s)
{
    add_span(t, s->job->arn.region);
    ob_buf_str(t, ":");
    add_span(t, s->job->arn.account);
}

static void add_job_arn(ob_buf *t, const subject *s)
{
    ob_buf_str(t, "\"arn:aws:batch:");
    add_scope(t, s);
    ob_buf_str(t, ":job/");
    ob_buf_str(t, s->id);
    ob_buf_str(t, "\"");
}

/* ,"name": */
static void add_name(ob_buf *t, const char *name)
{
    ob_buf_str(t, ",\"");
    ob_buf_str(t, name);
    ob_buf_str(t, "\":");
}

static void add_ecs_arn(ob_buf *t,
                        const char *name,
                        const subject *s,
                        const char *kind,
                        const char *cluster,
                        const char *id)
{
    add_name(t, name);
    ob_buf_str(t, "\"arn:aws:ecs:");
    add_scope(t, s);
    ob_buf_str(t, ":");
    ob_buf_str(t, kind);
    ob_buf_str(t, "/");
    ob_buf_str(t, cluster);
    ob_buf_str(t, "/");
    ob_buf_str(t, id);
    ob_buf_str(t, "\"");
}

static void add_number(ob_buf *t, const char *name, const char *number)
{
    if (!number)
        return;
    add_name(t, name);
    ob_buf_str(t, number);
}

static void add_text(ob_buf *t, const char *name, const char *text)
{
    if (!text)
        return;
    add_name(t, name);
    ob_buf_json(t, text);
}

/* Members of a container that are known only at run time; each begins with a comma. */
static void add_run(ob_buf *t, const subject *s, const run_view *run)
{
    if (run->instance && run->cluster) {
        ob_run_ref ref = { .id = s->job->id, .index = s->index, .run = run->run };
        char task[OB_TASK_TEXT];
        ob_run_task_id(&ref, task);
        add_ecs_arn(t, "containerInstanceArn", s, "container-instance", run->cluster,
                    run->instance);
        add_ecs_arn(t, "taskArn", s, "task", run->cluster, task);
        if (run->started && s->job->has_stream) {
            ob_buf_str(t, ",\"logStreamName\":\"");
            add_span(t, s->job->stream);
            ob_buf_str(t, "/default/");
            ob_buf_str(t, task);
            ob_buf_str(t, "\"");
        }
    }
    add_number(t, "exitCode", run->exit_code);
    add_text(t, "reason", run->reason);
}

static run_view event_run(const subject *s, const PGresult *events, int row)
{
    return (run_view){
        .run = (int32_t)ob_col_int(events, row, EVENT_RUN, 0),
        .instance = ob_col(events, row, EVENT_INSTANCE_ID),
        .cluster = ob_col(events, row, EVENT_CLUSTER),
        .exit_code = ob_col(events, row, EVENT_EXIT_CODE),
        .reason = ob_col(events, row, EVENT_CONTAINER_REASON),
        .started = s->state != OB_JOB_STARTING && ob_col(events, row, EVENT_STARTED_AT_MS) != NULL,
    };
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
    return strcmp(ob_col(attempts, row, ATTEMPT_JOB_ID), s->job->key);
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

static void add_attempt(ob_buf *t,
                        const subject *s,
                        const run_view *run,
                        const char *started,
                        const char *stopped,
                        const char *reason)
{
    ob_buf_str(t, "{\"container\":{\"networkInterfaces\":[]");
    add_run(t, s, run);
    ob_buf_str(t, "}");
    add_number(t, "startedAt", started);
    add_number(t, "stoppedAt", stopped);
    add_text(t, "statusReason", reason);
    ob_buf_str(t, "}");
}

bool event_has_attempts(const PGresult *events, int row)
{
    return ob_col_int(events, row, EVENT_ATTEMPT, 0) == 1 &&
           ob_col_int(events, row, EVENT_RUN, 0) == 1 && ob_col(events, row, EVENT_INSTANCE_ID) &&
           ob_job_is_final((ob_job_state)ob_col_int(events, row, EVENT_STATE, 0));
}

static void add_own_attempt(ob_buf *t, const subject *s, const PGresult *events, int row)
{
    run_view run = event_run(s, events, row);
    const char *reason = ob_col(events, row, EVENT_REASON);
    ob_buf_str(t, ",\"attempts\":[");
    add_attempt(t, s, &run, ob_col(events, row, EVENT_STARTED_AT_MS),
                ob_col(events, row, EVENT_STOPPED_AT_MS), reason ? reason : "");
    ob_buf_str(t, "]");
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
        if (ob_col_int(attempts, i, ATTEMPT_IDX, -1) != s->index ||
            ob_col_int(attempts, i, ATTEMPT_ATTEMPT, 0) > ended)
            continue;
        run_view run = attempt_run(attempts, i);
        ob_buf_str(t, last >= 0 ? "," : "");
        add_attempt(t, s, &run, ob_col(attempts, i, ATTEMPT_STARTED_AT_MS),
                    ob_col(attempts, i, ATTEMPT_STOPPED_AT_MS),
                    ob_col(attempts, i, ATTEMPT_REASON));
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
    return event_run(s, events, row);
}

static void add_array(ob_buf *t, const subject *s, const PGresult *events, int row)
{
    int64_t size = s->job->array_size;
    if (size == 0)
        return;
    if (s->index >= 0) {
        ob_buf_addf(t, ",\"arrayProperties\":{\"index\":%d}", s->index);
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

static void add_part(ob_buf *t, const ob_buf *from, size_t begin, size_t end)
{
    if (end > begin)
        ob_buf_add(t, from->at + begin, end - begin);
}

/* What the job's events have in common, with members of this one in the gaps. run: begins with a
 * comma, or is empty. */
static void add_stored(ob_buf *t, const subject *s, const ob_buf *run, bool lean)
{
    const event_members *m = event_job_members(s->job, lean);
    size_t at = 0;
    for (size_t i = 0; i < m->n_gaps; i++) {
        const event_gap *gap = &m->gaps[i];
        add_part(t, &m->text, at, gap->at);
        at = gap->at;
        switch (gap->kind) {
        case EVENT_GAP_RUN:
            add_part(t, run, gap->is_first, run->len);
            break;
        case EVENT_GAP_ARN:
            ob_buf_str(t, gap->is_first ? "\"resourceArn\":" : ",\"resourceArn\":");
            add_job_arn(t, s);
            break;
        }
    }
    add_part(t, &m->text, at, m->text.len);
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
    ob_buf_str(t, "{\"version\":\"0\",\"id\":\"");
    ob_buf_str(t, id);
    ob_buf_str(t, "\",\"detail-type\":\"");
    ob_buf_str(t, blocked ? "Batch Job Queue Blocked" : "Batch Job State Change");
    ob_buf_str(t, "\",\"source\":\"aws.batch\",\"account\":\"");
    add_span(t, s->job->arn.account);
    ob_buf_str(t, "\",\"time\":\"");
    ob_buf_str(t, when);
    ob_buf_str(t, "\",\"region\":\"");
    add_span(t, s->job->arn.region);
    ob_buf_str(t, "\",\"resources\":[");
    add_job_arn(t, s);
    if (blocked) {
        ob_buf_str(t, ",\"");
        add_span(t, detail_string(s->job->detail, "jobQueue"));
        ob_buf_str(t, "\"");
    }
    ob_buf_str(t, "],\"detail\":{\"jobArn\":");
    add_job_arn(t, s);
    ob_buf_str(t, ",\"jobId\":\"");
    ob_buf_str(t, s->id);
    ob_buf_str(t, "\"");
}

bool event_is_lean(const event_job *job, int32_t index)
{
    return index >= 0 && job->array_size * (int64_t)job->detail_len > ARRAY_MAX;
}

void event_render(ob_buf *out,
                  const PGresult *events,
                  int row,
                  event_job *job,
                  int32_t index,
                  const PGresult *attempts,
                  const PGresult *pods,
                  bool lean)
{
    subject s = {
        .job = job,
        .index = index,
        .state = (ob_job_state)ob_col_int(events, row, EVENT_STATE, 0),
    };
    const ob_job_ref ref = { .id = job->id, .index = index };
    int64_t flags = ob_col_int(events, row, EVENT_FLAGS, 0);
    ob_job_ref_format(&ref, s.id);

    ob_buf attempts_text = { 0 }, run_text = { 0 };
    int last = -1;
    if (event_has_attempts(events, row) && !job->is_eks)
        add_own_attempt(&attempts_text, &s, events, row);
    else
        last =
            add_attempts(&attempts_text, &s, attempts, ob_col_int(events, row, EVENT_ATTEMPT, 0));
    run_view run = latest_run(&s, events, row, attempts, last);
    add_run(&run_text, &s, &run);

    add_envelope(out, events, row, &s);
    add_stored(out, &s, &run_text, lean);
    ob_buf_str(out, ",\"status\":\"");
    ob_buf_str(out, ob_job_state_name(s.state));
    ob_buf_str(out, "\"");
    add_text(out, "statusReason", ob_col(events, row, EVENT_REASON));
    const char *started = ob_col(events, row, EVENT_STARTED_AT_MS);
    if (!started && last >= 0)
        started = ob_col(attempts, last, ATTEMPT_STARTED_AT_MS);
    add_number(out, "startedAt", started);
    add_number(out, "stoppedAt", ob_col(events, row, EVENT_STOPPED_AT_MS));
    if (job->is_eks)
        event_pod_add(out, &(event_pod){ job, index, events, row, attempts, pods, lean });
    else
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
