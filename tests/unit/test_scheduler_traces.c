/* What the tracer makes of rows, of its settings and of too many ended jobs. */
#include "unit.h"

#include "ob/clock.h"
#include "ob/trace.h"
#include "scheduler_metrics.h"
#include "scheduler_store.h"
#include "trace_spans.h"
#include "tracer.h"
#include "tracer_headers.h"

#define JOB "01900000-0000-7000-8000-00000000abcd"
#define TRACE "0190000000007000800000000000abcd"
#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define OTHER_JOB "01900000-0000-7000-8000-00000000abce"
#define QUEUE_MAX 65536
#define AT_ONCE 100

/* ---- Rows ---- */

static PGresult *make_rows(int columns)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc *attributes = ob_calloc((size_t)columns, sizeof(*attributes));
    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)(uintptr_t) "c";
    assert_true(PQsetResultAttrs(res, columns, attributes));
    free(attributes);
    return res;
}

/* The values of all columns; NULL is SQL NULL. */
static void add_row(PGresult *res, const char *const *values)
{
    int row = PQntuples(res);
    for (int i = 0; i < PQnfields(res); i++)
        assert_true(PQsetvalue(res, row, i, (char *)(uintptr_t)values[i],
                               values[i] ? (int)strlen(values[i]) : -1));
}

static PGresult *job_rows(const char *state, const char *size, const char *traceparent)
{
    const char *const values[] = {
        [TRACED_ID] = JOB,
        [TRACED_ACCOUNT] = "111122223333",
        [TRACED_REGION] = "eu-west-1",
        [TRACED_QUEUE] = "q",
        [TRACED_DEFINITION] = "def",
        [TRACED_REVISION] = "4",
        [TRACED_NAME] = "a \"name\" \xc3\xa9",
        [TRACED_ARRAY_SIZE] = size,
        [TRACED_CREATED_AT_MS] = "1000",
        [TRACED_TRACEPARENT] = traceparent,
        [TRACED_STATE] = state,
        [TRACED_REASON] = "why \"so\"",
        [TRACED_STOPPED_AT_MS] = "9000",
    };
    PGresult *res = make_rows(TRACED_STOPPED_AT_MS + 1);
    add_row(res, values);
    return res;
}

typedef struct times {
    const char *runnable, *placed, *pulled, *created, *started, *stopped;
} times;
static const times whole = { "2000", "3000", "100", "150", "4000", "9000" };

static void add_attempt(PGresult *res, const char *index, const char *number, const times *at)
{
    const char *const values[] = {
        [TRACED_ATTEMPT_JOB_ID] = JOB,
        [TRACED_ATTEMPT_IDX] = index,
        [TRACED_ATTEMPT_ATTEMPT] = number,
        [TRACED_ATTEMPT_RUN] = number,
        [TRACED_ATTEMPT_INSTANCE_ID] = "i-1",
        [TRACED_ATTEMPT_EXIT_CODE] = "3",
        [TRACED_ATTEMPT_REASON] = "attempt failed",
        [TRACED_ATTEMPT_RUNNABLE_AT_MS] = at->runnable,
        [TRACED_ATTEMPT_PLACED_AT_MS] = at->placed,
        [TRACED_ATTEMPT_PULLED_MS] = at->pulled,
        [TRACED_ATTEMPT_CREATED_MS] = at->created,
        [TRACED_ATTEMPT_STARTED_AT_MS] = at->started,
        [TRACED_ATTEMPT_STOPPED_AT_MS] = at->stopped,
        [TRACED_ATTEMPT_CPU_MS] = "1005",
        [TRACED_ATTEMPT_PEAK_BYTES] = "4096",
    };
    add_row(res, values);
}

static PGresult *no_attempts(void)
{
    return make_rows(TRACED_ATTEMPT_PEAK_BYTES + 1);
}

/* ---- What came out ---- */

typedef struct spans {
    json_t *request;
    const json_t *list;
} spans;

static spans read_spans(ob_buf *t)
{
    json_error_t err;
    trace_end(t);
    spans s = { .request = json_loads(t->at, JSON_REJECT_DUPLICATES, &err) };
    if (!s.request)
        fail_msg("%s: %s", err.text, t->at);
    const json_t *of = json_array_get(json_object_get(s.request, "resourceSpans"), 0);
    of = json_array_get(json_object_get(of, "scopeSpans"), 0);
    s.list = json_object_get(of, "spans");
    assert_true(json_is_array(s.list));
    ob_buf_done(t);
    return s;
}

static spans make_job(PGresult *jobs, PGresult *attempts)
{
    ob_buf t = { 0 };
    trace_begin(&t, "my \"service\"");
    trace_add_job(&t, jobs, 0, attempts, 0);
    PQclear(jobs);
    PQclear(attempts);
    return read_spans(&t);
}

static const char *str(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "(none)";
}

/* The span of a run ("<job>/<run>") and phase; NULL: there is none. */
static const json_t *span_of(const spans *s, const char *run_text, ob_trace_phase phase)
{
    ob_run_ref run;
    char id[OB_SPAN_ID_TEXT];
    /* Runs begin with 1; 0 stands for none. */
    bool none = run_text[strlen(run_text) - 1] == '0';
    char text[OB_RUN_TEXT];
    (void)snprintf(text, sizeof(text), "%s", run_text);
    if (none)
        text[strlen(text) - 1] = '1';
    assert_true(ob_run_ref_parse(text, &run));
    run.run = none ? 0 : run.run;
    ob_span_id(&run, phase, id);
    size_t i;
    const json_t *span, *found = NULL;
    json_array_foreach(s->list, i, span)
    {
        assert_string_equal(str(span, "traceId"), TRACE);
        if (strcmp(str(span, "spanId"), id) != 0)
            continue;
        assert_null(found);
        found = span;
    }
    return found;
}

static void assert_span(const spans *s,
                        const char *run,
                        ob_trace_phase phase,
                        const char *start,
                        const char *end,
                        const json_t *parent)
{
    const json_t *span = span_of(s, run, phase);
    if (!span)
        fail_msg("%s has no span %s", run, ob_trace_phase_name(phase));
    assert_string_equal(str(span, "startTimeUnixNano"), start);
    assert_string_equal(str(span, "endTimeUnixNano"), end);
    assert_string_equal(str(span, "parentSpanId"), parent ? str(parent, "spanId") : "(none)");
}

static const json_t *attribute(const json_t *span, const char *key)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(span, "attributes"), i, one)
    {
        if (strcmp(str(one, "key"), key) == 0)
            return json_object_get(one, "value");
    }
    return NULL;
}

static int status_of(const json_t *span)
{
    return (int)json_integer_value(json_object_get(json_object_get(span, "status"), "code"));
}

/* ---- Jobs ---- */

static void a_job_is_a_tree_of_its_phases(void **state)
{
    (void)state;
    PGresult *attempts = no_attempts();
    add_attempt(attempts, "-1", "1", &whole);
    spans s = make_job(job_rows("5", "0", PARENT), attempts);
    const json_t *root = span_of(&s, JOB "/0", OB_TRACE_JOB);
    const json_t *attempt = span_of(&s, JOB "/1", OB_TRACE_ATTEMPT);
    assert_int_equal(json_array_size(s.list), 8);
    assert_span(&s, JOB "/0", OB_TRACE_JOB, "1000000000", "9000000000", NULL);
    assert_span(&s, JOB "/0", OB_TRACE_PENDING, "1000000000", "2000000000", root);
    assert_span(&s, JOB "/1", OB_TRACE_ATTEMPT, "2000000000", "9000000000", root);
    assert_span(&s, JOB "/1", OB_TRACE_WAITING, "2000000000", "3000000000", attempt);
    assert_span(&s, JOB "/1", OB_TRACE_PULL, "3000000000", "3100000000", attempt);
    assert_span(&s, JOB "/1", OB_TRACE_CREATE, "3100000000", "3150000000", attempt);
    assert_span(&s, JOB "/1", OB_TRACE_START, "3150000000", "4000000000", attempt);
    assert_span(&s, JOB "/1", OB_TRACE_RUN, "4000000000", "9000000000", attempt);
    assert_string_equal(str(root, "name"), "def");
    assert_string_equal(str(attempt, "name"), "attempt");
    assert_int_equal(status_of(root), 1);
    assert_int_equal(status_of(attempt), 1);
    assert_string_equal(str(attribute(root, "batch.job.id"), "stringValue"), JOB);
    assert_string_equal(str(attribute(root, "batch.job.name"), "stringValue"),
                        "a \"name\" \xc3\xa9");
    assert_string_equal(str(attribute(root, "batch.job.definition"), "stringValue"), "def:4");
    assert_string_equal(str(attribute(root, "batch.job.state"), "stringValue"), "SUCCEEDED");
    assert_null(attribute(root, "batch.array.size"));
    assert_string_equal(str(attribute(attempt, "batch.exit_code"), "intValue"), "3");
    assert_true(json_real_value(json_object_get(attribute(attempt, "batch.cpu_seconds"),
                                                "doubleValue")) == 1.005);
    const json_t *link = json_array_get(json_object_get(root, "links"), 0);
    assert_string_equal(str(link, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(str(link, "spanId"), "00f067aa0ba902b7");
    json_decref(s.request);
}

static void a_repeated_trace_is_the_same(void **state)
{
    (void)state;
    char *first = NULL;
    for (int i = 0; i < 2; i++) {
        PGresult *attempts = no_attempts();
        add_attempt(attempts, "-1", "1", &whole);
        spans s = make_job(job_rows("5", "0", NULL), attempts);
        char *text = json_dumps(s.request, JSON_SORT_KEYS);
        if (first)
            assert_string_equal(text, first);
        assert_null(json_object_get(span_of(&s, JOB "/0", OB_TRACE_JOB), "links"));
        json_decref(s.request);
        free(first);
        first = text;
    }
    free(first);
}

static void only_the_last_attempt_of_a_job_that_succeeded_is_good(void **state)
{
    (void)state;
    static const times later = { "5000", "6000", NULL, NULL, "7000", "8000" };
    static const times early = { "2000", "3000", "100", "150", "4000", "5000" };
    static const char *const states[] = { "5", "6" };
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        PGresult *attempts = no_attempts();
        add_attempt(attempts, "-1", "1", &early);
        add_attempt(attempts, "-1", "2", &later);
        spans s = make_job(job_rows(states[i], "0", NULL), attempts);
        const json_t *first = span_of(&s, JOB "/1", OB_TRACE_ATTEMPT);
        const json_t *second = span_of(&s, JOB "/2", OB_TRACE_ATTEMPT);
        const json_t *root = span_of(&s, JOB "/0", OB_TRACE_JOB);
        assert_int_equal(status_of(first), 2);
        assert_string_equal(str(json_object_get(first, "status"), "message"), "attempt failed");
        assert_int_equal(status_of(second), i == 0 ? 1 : 2);
        assert_int_equal(status_of(root), i == 0 ? 1 : 2);
        assert_string_equal(str(json_object_get(root, "status"), "message"),
                            i == 0 ? "(none)" : "why \"so\"");
        /* Parts whose ends are not known are left out. */
        assert_null(span_of(&s, JOB "/2", OB_TRACE_PULL));
        assert_null(span_of(&s, JOB "/2", OB_TRACE_CREATE));
        assert_null(span_of(&s, JOB "/2", OB_TRACE_START));
        assert_span(&s, JOB "/2", OB_TRACE_RUN, "7000000000", "8000000000", second);
        assert_int_equal(json_array_size(s.list), 2 + 6 + 3);
        json_decref(s.request);
    }
}

static void a_job_without_attempts_is_its_root(void **state)
{
    (void)state;
    spans s = make_job(job_rows("6", "0", "not valid"), no_attempts());
    assert_int_equal(json_array_size(s.list), 1);
    assert_span(&s, JOB "/0", OB_TRACE_JOB, "1000000000", "9000000000", NULL);
    assert_null(json_object_get(json_array_get(s.list, 0), "links"));
    json_decref(s.request);
}

/* Of an earlier version, and of a start that failed. */
static void an_attempt_that_knows_only_its_end_is_a_point(void **state)
{
    (void)state;
    static const times only_end = { .stopped = "9000" };
    PGresult *attempts = no_attempts();
    add_attempt(attempts, "-1", "1", &only_end);
    spans s = make_job(job_rows("6", "0", NULL), attempts);
    const json_t *root = span_of(&s, JOB "/0", OB_TRACE_JOB);
    assert_int_equal(json_array_size(s.list), 2);
    assert_span(&s, JOB "/1", OB_TRACE_ATTEMPT, "9000000000", "9000000000", root);
    json_decref(s.request);
}

/* An instance's clock may be behind the scheduler's, and the scheduler's behind the api's. */
static void spans_never_end_before_they_start(void **state)
{
    (void)state;
    static const times mixed = { "500", "3000", "100", "50", "700", "800" };
    PGresult *attempts = no_attempts();
    add_attempt(attempts, "-1", "1", &mixed);
    spans s = make_job(job_rows("5", "0", NULL), attempts);
    size_t i;
    const json_t *span;
    json_array_foreach(s.list, i, span)
    {
        long long start = atoll(str(span, "startTimeUnixNano"));
        assert_true(start >= 1000000000LL);
        assert_true(atoll(str(span, "endTimeUnixNano")) >= start);
    }
    const json_t *attempt = span_of(&s, JOB "/1", OB_TRACE_ATTEMPT);
    assert_span(&s, JOB "/1", OB_TRACE_WAITING, "1000000000", "3000000000", attempt);
    assert_span(&s, JOB "/1", OB_TRACE_CREATE, "3100000000", "3100000000", attempt);
    assert_span(&s, JOB "/1", OB_TRACE_RUN, "3100000000", "3100000000", attempt);
    json_decref(s.request);
}

static void children_are_below_their_array(void **state)
{
    (void)state;
    static const char *const failed[] = { "7", "6", "out of luck", "8000" };
    static const char *const good[] = { "0", "5", NULL, "7000" };
    PGresult *jobs = job_rows("6", "3000", NULL);
    PGresult *children = make_rows(TRACED_CHILD_STOPPED_AT_MS + 1), *attempts = no_attempts();
    add_row(children, failed);
    add_row(children, good);
    add_attempt(attempts, "0", "1", &whole);
    add_attempt(attempts, "7", "1", &whole);
    ob_buf t = { 0 };
    trace_begin(&t, "s");
    trace_add_job(&t, jobs, 0, NULL, 2);
    trace_add_child(&t, jobs, 0, children, 0, attempts);
    trace_add_child(&t, jobs, 0, children, 1, attempts);
    spans s = read_spans(&t);
    const json_t *root = span_of(&s, JOB "/0", OB_TRACE_JOB);
    const json_t *child = span_of(&s, JOB ":7/0", OB_TRACE_JOB);
    assert_int_equal(json_array_size(s.list), 1 + 2 * 8);
    assert_string_equal(str(attribute(root, "batch.array.size"), "intValue"), "3000");
    assert_string_equal(str(attribute(root, "batch.array.left_out"), "intValue"), "2998");
    assert_span(&s, JOB ":7/0", OB_TRACE_JOB, "1000000000", "8000000000", root);
    assert_span(&s, JOB ":0/0", OB_TRACE_JOB, "1000000000", "7000000000", root);
    assert_span(&s, JOB ":7/1", OB_TRACE_ATTEMPT, "2000000000", "9000000000", child);
    assert_string_equal(str(attribute(child, "batch.array.index"), "intValue"), "7");
    assert_string_equal(str(attribute(child, "batch.job.id"), "stringValue"), JOB ":7");
    assert_int_equal(status_of(child), 2);
    assert_int_equal(status_of(span_of(&s, JOB ":0/0", OB_TRACE_JOB)), 1);
    assert_int_equal(status_of(span_of(&s, JOB ":0/1", OB_TRACE_ATTEMPT)), 1);
    PQclear(jobs);
    PQclear(children);
    PQclear(attempts);
    json_decref(s.request);
}

/* ---- Settings ---- */

static void headers_are_read_as_other_exporters_do(void **state)
{
    (void)state;
    char **lines;
    assert_int_equal(tracer_headers_read("", &lines, NULL), 0);
    assert_null(lines[0]);
    tracer_headers_free(lines);
    assert_int_equal(tracer_headers_read(" api-key = a%20b=c ,,x=,", &lines, NULL), 0);
    assert_string_equal(lines[0], "api-key: a b=c");
    assert_string_equal(lines[1], "x: ");
    assert_null(lines[2]);
    tracer_headers_free(lines);
    static const char *const bad[] = {
        "secret",      "=secret",           "a b=secret", "a=secret%", "a=secret%4",
        "a=secret%zz", "a=secret%0d%0aB:c", "a=1,secret", "a:=secret",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ob_error err = { 0 };
        assert_int_equal(tracer_headers_read(bad[i], &lines, &err), -EINVAL);
        assert_non_null(strstr(err.text, "OTEL_EXPORTER_OTLP_HEADERS"));
        assert_null(strstr(err.text, "secret"));
    }
}

static scheduler_config config_of(const char *endpoint)
{
    return (scheduler_config){ .pg = (char *)(uintptr_t) "host=/nonexistent",
                               .otlp_endpoint = (char *)(uintptr_t)endpoint,
                               .otlp_headers = (char *)(uintptr_t) "",
                               .otel_service = (char *)(uintptr_t) "openbatch" };
}

static void without_an_endpoint_there_is_no_tracer(void **state)
{
    (void)state;
    const scheduler_config unset = config_of(NULL), empty = config_of(""),
                           bad = config_of("127.0.0.1:4317");
    ob_error err = { 0 };
    tracer *t = NULL;
    assert_int_equal(tracer_new(&unset, &t, &err), 0);
    assert_null(t);
    assert_int_equal(tracer_new(&empty, &t, &err), 0);
    assert_null(t);
    tracer_take(NULL, NULL); /* looks at nothing */
    assert_int_equal(tracer_begin(NULL, NULL, 1, 1, &err), 0);
    assert_int_equal(tracer_new(&bad, &t, &err), -EINVAL);
    assert_null(t);
    assert_non_null(strstr(err.text, "OTEL_EXPORTER_OTLP_ENDPOINT"));
}

/* ---- Too many ---- */

static PGresult *event_rows(void)
{
    return make_rows(EVENT_BLOCKED + 1);
}

static void add_event(PGresult *res, int n, const char *index, const char *state)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", n);
    const char *values[EVENT_BLOCKED + 1] = {
        [EVENT_ROUND] = "3",      [EVENT_N] = number,     [EVENT_JOB_ID] = OTHER_JOB,
        [EVENT_IDX_LO] = index,   [EVENT_IDX_HI] = index, [EVENT_STATE] = state,
        [EVENT_AT_MS] = "1000000"
    };
    add_row(res, values);
}

static int64_t dropped(const char *reason)
{
    return ob_metric_with(&scheduler_metrics[SCHED_TRACES_DROPPED], reason)->value;
}

/* Neither the receiver nor the database is there: the publisher, which calls tracer_take, does not
 * wait, what is kept has a bound, and all else is counted. */
static void what_does_not_fit_is_dropped_and_counted(void **state)
{
    (void)state;
    const scheduler_config config = config_of("http://127.0.0.1:1");
    const int all = QUEUE_MAX + 1000;
    tracer *t = NULL;
    assert_int_equal(tracer_new(&config, &t, NULL), 0);
    PGresult *events = event_rows();
    for (int i = 0; i < all; i++)
        add_event(events, i + 1, "-1", "5");
    add_event(events, all + 1, "4", "5");  /* a child */
    add_event(events, all + 2, "-1", "4"); /* has not ended */
    int64_t before = dropped("queue_full"), begun_ms = ob_mono_ms();
    tracer_take(t, events);
    int64_t took_ms = ob_mono_ms() - begun_ms, lost = dropped("queue_full") - before;
    assert_true(lost >= 1000 - AT_ONCE && lost <= 1000);
    /* What is published again is not taken again. */
    tracer_take(t, events);
    assert_int_equal(dropped("queue_full") - before, lost);
    begun_ms = ob_mono_ms();
    tracer_free(t);
    print_message("took %d ms, ended in %d ms\n", (int)took_ms, (int)(ob_mono_ms() - begun_ms));
    PQclear(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_a_tree_of_its_phases),
        cmocka_unit_test(a_repeated_trace_is_the_same),
        cmocka_unit_test(only_the_last_attempt_of_a_job_that_succeeded_is_good),
        cmocka_unit_test(a_job_without_attempts_is_its_root),
        cmocka_unit_test(an_attempt_that_knows_only_its_end_is_a_point),
        cmocka_unit_test(spans_never_end_before_they_start),
        cmocka_unit_test(children_are_below_their_array),
        cmocka_unit_test(headers_are_read_as_other_exporters_do),
        cmocka_unit_test(without_an_endpoint_there_is_no_tracer),
        cmocka_unit_test(what_does_not_fit_is_dropped_and_counted),
    };
    return cmocka_run_group_tests_name("scheduler_traces", tests, NULL, NULL);
}
