/* Writes spans as OTLP's JSON (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding": ids are
 * hexadecimal, 64-bit numbers are decimal strings). Owns nothing.
 *
 * Invariants: all that a span says comes from committed rows, so a trace that is made twice is the
 * same. A part of an attempt is a span only if both of its ends are known. Rows have times of
 * several clocks; a span never ends before it starts, and none starts before the part before it has
 * ended. Any thread. */
#include "trace_spans.h"

#include <inttypes.h>
#include <string.h>

#include "ob/db.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/trace.h"
#include "scheduler_store.h"

#define UNKNOWN INT64_MIN
#define KIND_INTERNAL 1
#define STATUS_OK 1
#define STATUS_ERROR 2

/* A job or a child of an array. */
typedef struct subject {
    const PGresult *jobs;
    int row;           /* the job's, or its array's */
    const char *id;    /* the same one's, as text */
    ob_run_ref itself; /* run 0 */
    ob_job_state state;
    const char *reason;
    int64_t created_ms, stopped_ms;
} subject;

typedef struct span {
    const ob_run_ref *run;
    ob_trace_phase phase;
    const ob_run_ref *parent; /* the run of the parent; NULL: it is the root */
    ob_trace_phase parent_phase;
    const char *name;
    int64_t start_ms, end_ms;
} span;

/* ---- OTLP's JSON ---- */

/* A comma, unless it is the first of a list. */
static void next(ob_buf *t)
{
    if (t->len > 0 && t->at[t->len - 1] != '[')
        ob_buf_str(t, ",");
}

static void add_key(ob_buf *t, const char *key, const char *kind)
{
    next(t);
    ob_buf_addf(t, "{\"key\":\"%s\",\"value\":{\"%s\":", key, kind);
}

static void add_text(ob_buf *t, const char *key, const char *value)
{
    if (!value)
        return;
    add_key(t, key, "stringValue");
    ob_buf_json(t, value);
    ob_buf_str(t, "}}");
}

static void add_number(ob_buf *t, const char *key, int64_t value)
{
    if (value == UNKNOWN)
        return;
    add_key(t, key, "intValue");
    ob_buf_addf(t, "\"%" PRId64 "\"}}", value);
}

static void add_seconds(ob_buf *t, const char *key, int64_t ms)
{
    if (ms == UNKNOWN)
        return;
    add_key(t, key, "doubleValue");
    ob_buf_addf(t, "%" PRId64 ".%03d}}", ms / 1000, (int)(ms % 1000));
}

static void add_time(ob_buf *t, const char *name, int64_t ms)
{
    ob_buf_addf(t, ",\"%s\":\"%" PRId64 "\"", name, ms * 1000000);
}

/* Up to its attributes, which follow. */
static void begin_span(ob_buf *t, const span *s)
{
    char trace[OB_TRACE_ID_TEXT], id[OB_SPAN_ID_TEXT];
    next(t);
    ob_trace_id(&s->run->id, trace);
    ob_span_id(s->run, s->phase, id);
    ob_buf_addf(t, "{\"traceId\":\"%s\",\"spanId\":\"%s\"", trace, id);
    if (s->parent) {
        ob_span_id(s->parent, s->parent_phase, id);
        ob_buf_addf(t, ",\"parentSpanId\":\"%s\"", id);
    }
    ob_buf_str(t, ",\"name\":");
    ob_buf_json(t, s->name);
    ob_buf_addf(t, ",\"kind\":%d", KIND_INTERNAL);
    add_time(t, "startTimeUnixNano", s->start_ms);
    add_time(t, "endTimeUnixNano", s->end_ms > s->start_ms ? s->end_ms : s->start_ms);
    ob_buf_str(t, ",\"attributes\":[");
}

static void end_span(ob_buf *t, bool ok, const char *reason)
{
    ob_buf_addf(t, ",\"status\":{\"code\":%d", ok ? STATUS_OK : STATUS_ERROR);
    if (!ok && reason) {
        ob_buf_str(t, ",\"message\":");
        ob_buf_json(t, reason);
    }
    ob_buf_str(t, "}}");
}

void trace_begin(ob_buf *t, const char *service)
{
    ob_buf_str(t, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    add_text(t, "service.name", service);
    ob_buf_str(t, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"openbatch\",\"version\":\"" OB_VERSION
                  "\"},\"spans\":[");
}

void trace_end(ob_buf *t)
{
    ob_buf_str(t, "]}]}]}");
}

/* ---- Attempts ---- */

static int64_t number(const PGresult *rows, int row, int column)
{
    return ob_col_int(rows, row, column, UNKNOWN);
}

/* Orders an attempt's row against the subject. */
static int cmp_subject(const PGresult *attempts, int row, const subject *s)
{
    int order = strcmp(ob_col(attempts, row, TRACED_ATTEMPT_JOB_ID), s->id);
    int64_t index = ob_col_int(attempts, row, TRACED_ATTEMPT_IDX, -1);
    return order ? order : (index > s->itself.index) - (index < s->itself.index);
}

static int first_attempt(const PGresult *attempts, const subject *s)
{
    int low = 0, high = attempts ? PQntuples(attempts) : 0;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (cmp_subject(attempts, middle, s) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_of(const PGresult *attempts, int row, const subject *s)
{
    return attempts && row < PQntuples(attempts) && cmp_subject(attempts, row, s) == 0;
}

/* A time that is stored as milliseconds after another one. */
static int64_t after(int64_t at_ms, int64_t ms)
{
    return at_ms == UNKNOWN || ms == UNKNOWN ? UNKNOWN : at_ms + ms;
}

/* The times at which an attempt came from one part to the next. */
enum { AT_RUNNABLE, AT_PLACED, AT_PULLED, AT_CREATED, AT_STARTED, AT_STOPPED, AT_COUNT };
static const ob_trace_phase phase_until[AT_COUNT] = {
    [AT_PLACED] = OB_TRACE_WAITING, [AT_PULLED] = OB_TRACE_PULL, [AT_CREATED] = OB_TRACE_CREATE,
    [AT_STARTED] = OB_TRACE_START,  [AT_STOPPED] = OB_TRACE_RUN,
};

/* In order, none before 'from_ms'. */
static void times_of(const PGresult *a, int row, int64_t from_ms, int64_t at[AT_COUNT])
{
    int64_t placed_ms = number(a, row, TRACED_ATTEMPT_PLACED_AT_MS);
    at[AT_RUNNABLE] = number(a, row, TRACED_ATTEMPT_RUNNABLE_AT_MS);
    at[AT_PLACED] = placed_ms;
    at[AT_PULLED] = after(placed_ms, number(a, row, TRACED_ATTEMPT_PULLED_MS));
    at[AT_CREATED] = after(placed_ms, number(a, row, TRACED_ATTEMPT_CREATED_MS));
    at[AT_STARTED] = number(a, row, TRACED_ATTEMPT_STARTED_AT_MS);
    at[AT_STOPPED] = number(a, row, TRACED_ATTEMPT_STOPPED_AT_MS);
    for (int i = 0; i < AT_COUNT; i++) {
        if (at[i] == UNKNOWN)
            continue;
        if (at[i] < from_ms)
            at[i] = from_ms;
        from_ms = at[i];
    }
}

static int64_t first_of(const int64_t at[AT_COUNT])
{
    int i = 0;
    while (i < AT_STOPPED && at[i] == UNKNOWN)
        i++;
    return at[i];
}

static void
add_part(ob_buf *t, const ob_run_ref *run, ob_trace_phase phase, int64_t from, int64_t to)
{
    begin_span(t, &(span){ .run = run,
                           .phase = phase,
                           .parent = run,
                           .parent_phase = OB_TRACE_ATTEMPT,
                           .name = ob_trace_phase_name(phase),
                           .start_ms = from,
                           .end_ms = to });
    ob_buf_str(t, "]}");
}

static void add_attempt(ob_buf *t, const subject *s, const PGresult *a, int row, const int64_t *at)
{
    ob_run_ref run = s->itself;
    run.run = (int32_t)ob_col_int(a, row, TRACED_ATTEMPT_RUN, 0);
    bool is_last = !is_of(a, row + 1, s);
    begin_span(t, &(span){ .run = &run,
                           .phase = OB_TRACE_ATTEMPT,
                           .parent = &s->itself,
                           .parent_phase = OB_TRACE_JOB,
                           .name = ob_trace_phase_name(OB_TRACE_ATTEMPT),
                           .start_ms = first_of(at),
                           .end_ms = at[AT_STOPPED] });
    add_number(t, "batch.attempt", number(a, row, TRACED_ATTEMPT_ATTEMPT));
    add_text(t, "batch.instance.id", ob_col(a, row, TRACED_ATTEMPT_INSTANCE_ID));
    add_number(t, "batch.exit_code", number(a, row, TRACED_ATTEMPT_EXIT_CODE));
    add_seconds(t, "batch.cpu_seconds", number(a, row, TRACED_ATTEMPT_CPU_MS));
    add_number(t, "batch.peak_memory_bytes", number(a, row, TRACED_ATTEMPT_PEAK_BYTES));
    ob_buf_str(t, "]");
    end_span(t, is_last && s->state == OB_JOB_SUCCEEDED, ob_col(a, row, TRACED_ATTEMPT_REASON));
    for (int i = AT_RUNNABLE + 1; i < AT_COUNT; i++) {
        if (at[i - 1] != UNKNOWN && at[i] != UNKNOWN)
            add_part(t, &run, phase_until[i], at[i - 1], at[i]);
    }
}

static void add_pending(ob_buf *t, const subject *s, int64_t until_ms)
{
    begin_span(t, &(span){ .run = &s->itself,
                           .phase = OB_TRACE_PENDING,
                           .parent = &s->itself,
                           .parent_phase = OB_TRACE_JOB,
                           .name = ob_trace_phase_name(OB_TRACE_PENDING),
                           .start_ms = s->created_ms,
                           .end_ms = until_ms });
    ob_buf_str(t, "]}");
}

static void add_attempts(ob_buf *t, const subject *s, const PGresult *attempts)
{
    int64_t from_ms = s->created_ms, at[AT_COUNT];
    int row = first_attempt(attempts, s);
    for (; is_of(attempts, row, s); row++) {
        times_of(attempts, row, from_ms, at);
        bool is_first = ob_col_int(attempts, row, TRACED_ATTEMPT_ATTEMPT, 0) == 1;
        if (is_first && at[AT_RUNNABLE] != UNKNOWN)
            add_pending(t, s, at[AT_RUNNABLE]);
        add_attempt(t, s, attempts, row, at);
    }
}

/* ---- Jobs ---- */

/* The caller's span is in a trace of its own. */
static void add_link(ob_buf *t, const char *traceparent)
{
    ob_traceparent link;
    if (traceparent && ob_traceparent_parse(traceparent, &link))
        ob_buf_addf(t, ",\"links\":[{\"traceId\":\"%s\",\"spanId\":\"%s\",\"flags\":%d}]",
                    link.trace_id, link.span_id, link.flags);
}

static void add_what(ob_buf *t, const subject *s)
{
    const ob_job_ref ref = { .id = s->itself.id, .index = s->itself.index };
    char id[OB_RUN_TEXT];
    ob_job_ref_format(&ref, id);
    add_text(t, "batch.job.id", id);
    add_text(t, "batch.job.state", ob_job_state_name(s->state));
}

static void add_definition(ob_buf *t, const subject *s)
{
    const char *name = ob_col(s->jobs, s->row, TRACED_DEFINITION);
    int64_t revision = ob_col_int(s->jobs, s->row, TRACED_REVISION, 0);
    ob_cleanup(ob_freep) char *text =
        revision > 0 ? ob_strf("%s:%" PRId64, name, revision) : ob_strdup(name);
    add_text(t, "batch.job.definition", text);
}

static subject subject_of(const PGresult *jobs, int row)
{
    subject s = {
        .jobs = jobs,
        .row = row,
        .id = ob_col(jobs, row, TRACED_ID),
        .itself = { .index = -1 },
        .state = (ob_job_state)ob_col_int(jobs, row, TRACED_STATE, OB_JOB_FAILED),
        .reason = ob_col(jobs, row, TRACED_REASON),
        .created_ms = ob_col_int(jobs, row, TRACED_CREATED_AT_MS, 0),
        .stopped_ms = ob_col_int(jobs, row, TRACED_STOPPED_AT_MS, 0),
    };
    (void)ob_col_uuid(jobs, row, TRACED_ID, &s.itself.id);
    return s;
}

void trace_add_job(ob_buf *t, const PGresult *jobs, int row, const PGresult *attempts, int children)
{
    const subject s = subject_of(jobs, row);
    int64_t size = ob_col_int(jobs, row, TRACED_ARRAY_SIZE, 0);
    begin_span(t, &(span){ .run = &s.itself,
                           .phase = OB_TRACE_JOB,
                           .name = ob_col(jobs, row, TRACED_DEFINITION),
                           .start_ms = s.created_ms,
                           .end_ms = s.stopped_ms });
    add_what(t, &s);
    add_text(t, "batch.job.name", ob_col(jobs, row, TRACED_NAME));
    add_text(t, "batch.job.queue", ob_col(jobs, row, TRACED_QUEUE));
    add_definition(t, &s);
    add_text(t, "cloud.account.id", ob_col(jobs, row, TRACED_ACCOUNT));
    add_text(t, "cloud.region", ob_col(jobs, row, TRACED_REGION));
    if (size > 0) {
        add_number(t, "batch.array.size", size);
        add_number(t, "batch.array.left_out", size - children);
    }
    ob_buf_str(t, "]");
    add_link(t, ob_col(jobs, row, TRACED_TRACEPARENT));
    end_span(t, s.state == OB_JOB_SUCCEEDED, s.reason);
    add_attempts(t, &s, attempts);
}

void trace_add_child(ob_buf *t,
                     const PGresult *jobs,
                     int row,
                     const PGresult *children,
                     int child,
                     const PGresult *attempts)
{
    const subject array = subject_of(jobs, row);
    subject s = array;
    s.itself.index = (int32_t)ob_col_int(children, child, TRACED_CHILD_IDX, 0);
    s.state = (ob_job_state)ob_col_int(children, child, TRACED_CHILD_STATE, OB_JOB_FAILED);
    s.reason = ob_col(children, child, TRACED_CHILD_REASON);
    s.stopped_ms = ob_col_int(children, child, TRACED_CHILD_STOPPED_AT_MS, 0);
    begin_span(t, &(span){ .run = &s.itself,
                           .phase = OB_TRACE_JOB,
                           .parent = &array.itself,
                           .parent_phase = OB_TRACE_JOB,
                           .name = "child",
                           .start_ms = s.created_ms,
                           .end_ms = s.stopped_ms });
    add_what(t, &s);
    add_number(t, "batch.array.index", s.itself.index);
    ob_buf_str(t, "]");
    end_span(t, s.state == OB_JOB_SUCCEEDED, s.reason);
    add_attempts(t, &s, attempts);
}
