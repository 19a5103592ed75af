/* The publisher's events, and the reading of stored details. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "detail.h"
#include "event_message.h"
#include "ob/buf.h"
#include "ob/error.h"
#include "scheduler_store.h"

#define JOB "0192aaaa-0000-7000-8000-000000000001"
#define DETAIL                                                                                     \
    "{\"jobArn\":\"arn:aws:batch:eu-west-1:111122223333:job/" JOB "\",\"jobId\":\"" JOB "\","      \
    "\"jobName\":\"a \\\"quoted}\\\" name\",\"jobQueue\":"                                         \
    "\"arn:aws:batch:eu-west-1:111122223333:job-queue/q\",\"createdAt\":12,\"dependsOn\":[],"      \
    "\"tags\":{\"team\":\"x\"},\"container\":{\"image\":\"i\",\"command\":[\"}\",\"\\\\\"]}}"

/* A result of one row with the given columns set; the others are NULL. */
static PGresult *make_row(int columns, const int *at, const char *const *values, int n)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc *attributes = ob_calloc((size_t)columns, sizeof(*attributes));
    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)(uintptr_t) "c";
    assert_true(PQsetResultAttrs(res, columns, attributes));
    for (int i = 0; i < columns; i++)
        assert_true(PQsetvalue(res, 0, i, NULL, -1));
    for (int i = 0; i < n; i++)
        assert_true(
            PQsetvalue(res, 0, at[i], (char *)(uintptr_t)values[i], (int)strlen(values[i])));
    free(attributes);
    return res;
}

/* The row of an event, and the job that it is about. */
typedef struct story {
    PGresult *event;
    event_jobs jobs;
    event_job *job;
} story;

static story story_of(PGresult *event, const char *detail, const char *array_size)
{
    const int at[] = { SUBJECT_ID, SUBJECT_DEFINITION, SUBJECT_ARRAY_SIZE, SUBJECT_DETAIL };
    const char *const values[] = { JOB, "def", array_size, detail };
    story s = { .event = event };
    PGresult *subjects = make_row(SUBJECT_DETAIL + 1, at, values, (int)ARRAY_SIZE(at));
    event_jobs_take(&s.jobs, subjects);
    PQclear(subjects);
    s.job = event_jobs_find(&s.jobs, JOB);
    assert_non_null(s.job);
    return s;
}

static void story_done(story *s)
{
    PQclear(s->event);
    event_jobs_done(&s->jobs);
}

static story
make_event_of(const char *detail, const char *state, const char *attempt, const char *array_size)
{
    const int at[] = { EVENT_ROUND,         EVENT_N,           EVENT_AT_MS,   EVENT_JOB_ID,
                       EVENT_IDX_LO,        EVENT_IDX_HI,      EVENT_STATE,   EVENT_ATTEMPT,
                       EVENT_RUN,           EVENT_INSTANCE_ID, EVENT_CLUSTER, EVENT_STARTED_AT_MS,
                       EVENT_STOPPED_AT_MS, EVENT_REASON,      EVENT_COUNTS,  EVENT_EXIT_CODE,
                       EVENT_FLAGS };
    const char *const values[] = { "7",
                                   "3",
                                   "1700000000999",
                                   JOB,
                                   "-1",
                                   "-1",
                                   state,
                                   attempt,
                                   "2",
                                   "i-1",
                                   "ce_Batch_u",
                                   "1699999999000",
                                   "1700000000998",
                                   "why \"so\"",
                                   "{0,1,2,3,4,5,6}",
                                   "9",
                                   "2" };
    PGresult *event = make_row(EVENT_BLOCKED + 1, at, values, (int)ARRAY_SIZE(at));
    return story_of(event, detail, array_size);
}

static story make_event(const char *state, const char *attempt, const char *array_size)
{
    return make_event_of(DETAIL, state, attempt, array_size);
}

static json_t *render_as(const story *s, int32_t index, const PGresult *attempts, bool lean)
{
    ob_buf t = { 0 };
    event_render(&t, s->event, 0, s->job, index, attempts, NULL, lean);
    json_error_t err;
    json_t *json = json_loads(t.at, JSON_REJECT_DUPLICATES, &err);
    if (!json)
        fail_msg("%s: %s", err.text, t.at);
    ob_buf_done(&t);
    return json;
}

static json_t *render(const story *s, int32_t index, const PGresult *attempts)
{
    return render_as(s, index, attempts, false);
}

static const char *str(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void an_ended_job_is_told_whole(void **state)
{
    (void)state;
    story event = make_event("6", "1", "0");
    const int at[] = {
        ATTEMPT_JOB_ID,      ATTEMPT_IDX,     ATTEMPT_ATTEMPT, ATTEMPT_RUN,
        ATTEMPT_INSTANCE_ID, ATTEMPT_CLUSTER, ATTEMPT_REASON,  ATTEMPT_STOPPED_AT_MS
    };
    const char *const values[] = { JOB, "-1", "1", "2", "i-1", "ce_Batch_u", "gone", "5" };
    PGresult *attempts = make_row(ATTEMPT_STOPPED_AT_MS + 1, at, values, 8);
    json_t *json = render(&event, -1, attempts);
    assert_string_equal(str(json, "detail-type"), "Batch Job State Change");
    assert_string_equal(str(json, "time"), "2023-11-14T22:13:20Z");
    assert_string_equal(str(json, "account"), "111122223333");
    assert_string_equal(str(json, "region"), "eu-west-1");
    const json_t *detail = json_object_get(json, "detail");
    assert_string_equal(str(detail, "status"), "FAILED");
    assert_string_equal(str(detail, "statusReason"), "why \"so\"");
    assert_string_equal(str(detail, "jobName"), "a \"quoted}\" name");
    assert_int_equal(json_integer_value(json_object_get(detail, "startedAt")), 1699999999000);
    assert_true(json_is_true(json_object_get(detail, "isTerminated")));
    assert_null(json_object_get(detail, "isCancelled"));
    const json_t *container = json_object_get(detail, "container");
    assert_int_equal(json_array_size(json_object_get(container, "command")), 2);
    assert_int_equal(json_integer_value(json_object_get(container, "exitCode")), 9);
    assert_non_null(strstr(str(container, "logStreamName"), "def/default/"));
    assert_int_equal(json_array_size(json_object_get(detail, "attempts")), 1);
    const json_t *tags = json_object_get(detail, "tags");
    assert_string_equal(str(tags, "team"), "x");
    assert_string_equal(str(tags, "resourceArn"), str(detail, "jobArn"));
    json_decref(json);
    story_done(&event);
    PQclear(attempts);
}

/* Then its row is all there is to say of attempts. */
static void a_job_that_ends_with_its_first_run_shows_it(void **state)
{
    (void)state;
    story event = make_event("6", "1", "0");
    assert_false(event_has_attempts(event.event, 0)); /* run 2 */
    assert_true(PQsetvalue(event.event, 0, EVENT_RUN, (char *)(uintptr_t) "1", 1));
    assert_true(event_has_attempts(event.event, 0));
    json_t *json = render(&event, -1, NULL);
    const json_t *detail = json_object_get(json, "detail");
    const json_t *attempt = json_array_get(json_object_get(detail, "attempts"), 0);
    const json_t *container = json_object_get(attempt, "container");
    assert_int_equal(json_array_size(json_object_get(detail, "attempts")), 1);
    assert_int_equal(json_integer_value(json_object_get(attempt, "startedAt")), 1699999999000);
    assert_int_equal(json_integer_value(json_object_get(attempt, "stoppedAt")), 1700000000998);
    assert_string_equal(str(attempt, "statusReason"), "why \"so\"");
    assert_int_equal(json_integer_value(json_object_get(container, "exitCode")), 9);
    assert_string_equal(str(container, "taskArn"),
                        str(json_object_get(detail, "container"), "taskArn"));
    json_decref(json);
    assert_true(PQsetvalue(event.event, 0, EVENT_STATE, (char *)(uintptr_t) "2", 1));
    assert_false(event_has_attempts(event.event, 0)); /* it is tried again */
    story_done(&event);
}

/* Whether it waits for the next attempt or is stopped meanwhile. */
static void between_attempts_the_last_one_is_shown(void **state)
{
    (void)state;
    for (int stopped = 0; stopped <= 1; stopped++) {
        const int at[] = {
            EVENT_ROUND,   EVENT_N,   EVENT_AT_MS, EVENT_JOB_ID, EVENT_STATE,
            EVENT_ATTEMPT, EVENT_RUN, EVENT_FLAGS, EVENT_IDX_LO, EVENT_STOPPED_AT_MS
        };
        const char *const values[] = { "7", "3", "9", JOB,  stopped ? "6" : "2",
                                       "1", "2", "0", "-1", "9" };
        PGresult *row = make_row(EVENT_BLOCKED + 1, at, values, stopped ? 10 : 9);
        story event = story_of(row, DETAIL, "0");
        const int a[] = { ATTEMPT_JOB_ID,        ATTEMPT_IDX,         ATTEMPT_ATTEMPT,
                          ATTEMPT_RUN,           ATTEMPT_INSTANCE_ID, ATTEMPT_CLUSTER,
                          ATTEMPT_STARTED_AT_MS, ATTEMPT_EXIT_CODE,   ATTEMPT_STOPPED_AT_MS };
        const char *const ended[] = { JOB, "-1", "1", "2", "i-1", "ce_Batch_u", "4", "3", "5" };
        PGresult *attempts = make_row(ATTEMPT_STOPPED_AT_MS + 1, a, ended, 9);
        json_t *json = render(&event, -1, attempts);
        const json_t *detail = json_object_get(json, "detail");
        assert_int_equal(json_integer_value(json_object_get(detail, "startedAt")), 4);
        assert_int_equal(json_integer_value(json_object_get(detail, "stoppedAt")), stopped ? 9 : 0);
        const json_t *container = json_object_get(detail, "container");
        assert_int_equal(json_integer_value(json_object_get(container, "exitCode")), 3);
        assert_non_null(strstr(str(container, "logStreamName"), "def/default/"));
        json_decref(json);
        story_done(&event);
        PQclear(attempts);
    }
}

#define EKS_DETAIL                                                                                 \
    "{\"jobArn\":\"arn:aws:batch:eu-west-1:111122223333:job/" JOB "\",\"jobId\":\"" JOB "\","      \
    "\"tags\":{},\"eksProperties\":{\"podProperties\":{\"containers\":"                            \
    "[{\"image\":\"i\",\"command\":[\"c\"]}]}}}"

/* The detail of the event of an EKS job with a pod. ended: attempts that have; two are stored, the
 * first with what is known of its pod, whose run is 'pod_run'. */
static json_t *eks_detail(const char *state, const char *ended, const char *pod_run, bool lean)
{
    story event = make_event_of(EKS_DETAIL, state, ended, "0");
    const int a[] = { ATTEMPT_JOB_ID,  ATTEMPT_IDX,    ATTEMPT_ATTEMPT,      ATTEMPT_RUN,
                      ATTEMPT_CLUSTER, ATTEMPT_REASON, ATTEMPT_STOPPED_AT_MS };
    const char *const first[] = { JOB, "-1", "1", "2", "arn:eks", "why", "5" };
    const int p[] = { POD_JOB_ID, POD_IDX, POD_ATTEMPT, POD_RUN, POD_BODY };
    const char *const pod[] = { JOB, "-1", *ended == '0' ? "1" : ended, pod_run,
                                "{\"name\":\"p\",\"node\":\"n\",\"containers\":"
                                "[{\"name\":\"default\",\"exitCode\":3}]}" };
    PGresult *attempts = make_row(ATTEMPT_STOPPED_AT_MS + 1, a, first, (int)ARRAY_SIZE(a));
    PGresult *pods = make_row(POD_BODY + 1, p, pod, (int)ARRAY_SIZE(p));
    ob_buf t = { 0 };
    event_render(&t, event.event, 0, event.job, -1, attempts, pods, lean);
    json_error_t err;
    json_t *json = json_loads(t.at, JSON_REJECT_DUPLICATES, &err);
    if (!json)
        fail_msg("%s: %s", err.text, t.at);
    json_t *detail = json_incref(json_object_get(json, "detail"));
    json_decref(json);
    ob_buf_done(&t);
    PQclear(attempts);
    PQclear(pods);
    story_done(&event);
    return detail;
}

static const json_t *pod_in(const json_t *detail)
{
    return json_object_get(json_object_get(detail, "eksProperties"), "podProperties");
}

static const json_t *container_in(const json_t *detail)
{
    return json_array_get(json_object_get(pod_in(detail), "containers"), 0);
}

static void an_eks_job_is_told_with_its_pod(void **state)
{
    (void)state;
    json_t *detail = eks_detail("6", "1", "2", false);
    assert_null(json_object_get(detail, "container"));
    assert_int_equal(json_array_size(json_object_get(detail, "attempts")), 0);
    assert_string_equal(str(pod_in(detail), "podName"), "p");
    assert_int_equal(json_integer_value(json_object_get(container_in(detail), "exitCode")), 3);
    assert_int_equal(json_array_size(json_object_get(container_in(detail), "command")), 1);
    assert_int_equal(json_array_size(json_object_get(detail, "eksAttempts")), 1);
    const json_t *attempt = json_array_get(json_object_get(detail, "eksAttempts"), 0);
    assert_string_equal(str(attempt, "eksClusterArn"), "arn:eks");
    assert_string_equal(str(attempt, "nodeName"), "n");
    assert_string_equal(str(attempt, "statusReason"), "why");
    assert_int_equal(json_integer_value(json_object_get(attempt, "stoppedAt")), 5);
    json_decref(detail);
}

/* What its containers have done since is not of that event. */
static void a_running_eks_job_is_told_with_the_name_of_its_pod(void **state)
{
    (void)state;
    json_t *detail = eks_detail("4", "0", "2", false);
    assert_string_equal(str(pod_in(detail), "podName"), "p");
    assert_null(json_object_get(container_in(detail), "exitCode"));
    assert_int_equal(json_array_size(json_object_get(detail, "eksAttempts")), 0);
    json_decref(detail);
    detail = eks_detail("4", "0", "1", false); /* a pod of a run before */
    assert_null(json_object_get(pod_in(detail), "podName"));
    json_decref(detail);
}

static void a_lean_event_of_an_eks_job_has_its_pod(void **state)
{
    (void)state;
    json_t *detail = eks_detail("6", "1", "2", true);
    assert_string_equal(str(pod_in(detail), "podName"), "p");
    assert_int_equal(json_array_size(json_object_get(container_in(detail), "command")), 0);
    assert_int_equal(json_integer_value(json_object_get(container_in(detail), "exitCode")), 3);
    json_decref(detail);
}

static void a_child_has_its_own_id_and_index(void **state)
{
    (void)state;
    story event = make_event("2", "0", "10");
    json_t *json = render(&event, 4, NULL), *again = render(&event, 4, NULL);
    json_t *other = render(&event, 5, NULL);
    const json_t *detail = json_object_get(json, "detail");
    assert_string_equal(str(detail, "jobId"), JOB ":4");
    assert_non_null(strstr(str(detail, "jobArn"), ":job/" JOB ":4"));
    const json_t *array = json_object_get(detail, "arrayProperties");
    assert_int_equal(json_integer_value(json_object_get(array, "index")), 4);
    assert_string_equal(str(json, "id"), str(again, "id"));
    assert_string_not_equal(str(json, "id"), str(other, "id"));
    json_decref(json);
    json_decref(again);
    json_decref(other);
    story_done(&event);
}

static void a_parent_sums_its_children_up(void **state)
{
    (void)state;
    story event = make_event("1", "0", "21");
    json_t *json = render(&event, -1, NULL);
    const json_t *array = json_object_get(json_object_get(json, "detail"), "arrayProperties");
    const json_t *summary = json_object_get(array, "statusSummary");
    assert_int_equal(json_integer_value(json_object_get(array, "size")), 21);
    assert_int_equal(json_object_size(summary), 7);
    assert_int_equal(json_integer_value(json_object_get(summary, "SUBMITTED")), 0);
    assert_int_equal(json_integer_value(json_object_get(summary, "FAILED")), 6);
    json_decref(json);
    story_done(&event);
}

static void a_starting_job_has_no_log_yet(void **state)
{
    (void)state;
    story event = make_event("3", "0", "0");
    json_t *json = render(&event, -1, NULL);
    const json_t *container = json_object_get(json_object_get(json, "detail"), "container");
    assert_non_null(json_object_get(container, "taskArn"));
    assert_null(json_object_get(container, "logStreamName"));
    json_decref(json);
    story_done(&event);
}

static void a_log_is_where_the_definition_sends_it(void **state)
{
    (void)state;
    static const struct {
        const char *config, *begins;
    } cases[] = {
        { "{\"options\":{},\"logDriver\":\"awslogs\",\"secretOptions\":[]}", "def/default/" },
        { "{\"options\":{\"awslogs-stream-prefix\":\"a\\\"b\"},\"logDriver\":\"awslogs\"}",
          "a\"b/default/" },
        { "{\"options\":{\"awslogs-stream-prefix\":\"x\"},\"logDriver\":\"json-file\"}", NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *job = ob_strf("{\"jobArn\":\"arn:aws:batch:r:1:job/" JOB
                                                 "\",\"container\":{\"logConfiguration\":%s}}",
                                                 cases[i].config);
        story event = make_event_of(job, "4", "0", "0");
        json_t *json = render(&event, -1, NULL);
        const json_t *container = json_object_get(json_object_get(json, "detail"), "container");
        const char *stream = str(container, "logStreamName");
        if (cases[i].begins)
            assert_ptr_equal(strstr(stream, cases[i].begins), stream);
        else
            assert_null(stream);
        json_decref(json);
        story_done(&event);
    }
}

static void details_are_walked_without_being_built(void **state)
{
    (void)state;
    detail_span value;
    assert_true(detail_get(DETAIL, "container", &value));
    assert_int_equal(value.len, strlen("{\"image\":\"i\",\"command\":[\"}\",\"\\\\\"]}"));
    assert_true(detail_get(DETAIL, "createdAt", &value));
    assert_true(detail_is(&value, "12"));
    assert_false(detail_get(DETAIL, "image", &value));
    detail_arn arn = detail_arn_of(DETAIL, "jobQueue");
    assert_true(detail_is(&arn.region, "eu-west-1"));
    assert_true(detail_is(&arn.account, "111122223333"));
    assert_true(detail_is(&arn.name, "q"));
    arn = detail_arn_of(DETAIL, "nothing");
    assert_int_equal(arn.name.len, 0);
}

static void broken_details_end_the_walk(void **state)
{
    (void)state;
    static const char whole[] = DETAIL;
    char part[sizeof(whole)];
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        memcpy(part, whole, len);
        part[len] = '\0';
        const char *pos = part;
        detail_span key, value;
        int members = 0;
        while (detail_next(&pos, &key, &value))
            assert_true(++members < 20 && value.at + value.len <= part + len);
    }
}

static void texts_are_escaped(void **state)
{
    (void)state;
    ob_buf t = { 0 };
    ob_buf_json(&t, "a\"b\\c\n\x01 \xc3\xa9");
    assert_string_equal(t.at, "\"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa9\"");
    ob_buf_clear(&t);
    ob_buf_json(&t, NULL);
    assert_string_equal(t.at, "null");
    ob_buf_clear(&t);
    for (int i = 0; i < 1000; i++)
        ob_buf_addf(&t, "%s%d,", "a rather long piece of text that makes it grow ", i);
    assert_int_equal(t.len, strlen(t.at));
    assert_non_null(strstr(t.at, " 999,"));
    ob_buf_done(&t);
}

/* A child of 10,000 with an environment of 50 KB: 500 MB for one transition, were it repeated. */
static void children_of_large_arrays_are_told_without_the_largest_parts(void **state)
{
    (void)state;
    char *filler = ob_calloc(1, 50001);
    memset(filler, 'e', 50000);
    ob_cleanup(ob_freep) char *detail =
        ob_strf("{\"jobArn\":\"arn:aws:batch:eu-west-1:111122223333:job/" JOB "\",\"jobId\":\"" JOB
                "\",\"jobName\":\"n\",\"parameters\":{\"p\":\"%.300s\"},\"tags\":{\"team\":\"x\"},"
                "\"container\":{\"image\":\"i\",\"command\":[\"%.300s\"],\"user\":\"%.300s\","
                "\"environment\":[{\"name\":\"A\",\"value\":\"%s\"}],\"ulimits\":[]}}",
                filler, filler, filler, filler);
    free(filler);
    story of_many = make_event_of(detail, "4", "0", "10000");
    story of_few = make_event_of(detail, "4", "0", "100");
    story small = make_event_of(DETAIL, "4", "0", "10000");
    assert_true(event_is_lean(of_many.job, 7));
    assert_false(event_is_lean(of_many.job, -1)); /* the array itself has all */
    assert_false(event_is_lean(of_few.job, 7));
    assert_false(event_is_lean(small.job, 7));

    json_t *json = render_as(&of_many, 7, NULL, true);
    const json_t *told = json_object_get(json, "detail");
    const json_t *container = json_object_get(told, "container");
    assert_true(json_dumpb(json, NULL, 0, 0) < 2500);
    assert_string_equal(str(told, "jobName"), "n");
    assert_string_equal(str(container, "image"), "i");
    assert_string_equal(str(json_object_get(told, "tags"), "team"), "x");
    assert_true(json_is_array(json_object_get(container, "environment")));
    assert_int_equal(json_array_size(json_object_get(container, "environment")), 0);
    assert_int_equal(json_array_size(json_object_get(container, "command")), 0);
    assert_int_equal(json_object_size(json_object_get(told, "parameters")), 0);
    assert_null(json_object_get(container, "user"));
    assert_int_equal(json_integer_value(json_object_get(container, "exitCode")), 9);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(told, "arrayProperties"), "index")), 7);
    json_decref(json);
    story_done(&of_many);
    story_done(&of_few);
    story_done(&small);
}

#define HEAD "\"jobArn\":\"arn:aws:batch:r:1:job/" JOB "\",\"jobId\":\"" JOB "\""
#define ENVELOPE                                                                                   \
    "{\"version\":\"0\",\"id\":\"ebb36a10-ac61-8543-b94f-bc4d9ca39ad4\","                          \
    "\"detail-type\":\"Batch Job State Change\",\"source\":\"aws.batch\",\"account\":\"1\","       \
    "\"time\":\"2023-11-14T22:13:20Z\",\"region\":\"r\","                                          \
    "\"resources\":[\"arn:aws:batch:r:1:job/" JOB "\"],\"detail\":{" HEAD
#define TAIL                                                                                       \
    "\"status\":\"RUNNABLE\",\"statusReason\":\"why \\\"so\\\"\",\"startedAt\":1699999999000,"     \
    "\"stoppedAt\":1700000000998,\"attempts\":[],\"isTerminated\":true}}"
#define RUN                                                                                        \
    "\"containerInstanceArn\":\"arn:aws:ecs:r:1:container-instance/ce_Batch_u/i-1\","              \
    "\"taskArn\":\"arn:aws:ecs:r:1:task/ce_Batch_u/ba09e6fab495d8e8a31fefadbbc8c711\","            \
    "\"logStreamName\":\"def/default/ba09e6fab495d8e8a31fefadbbc8c711\",\"exitCode\":9"
#define ARN "\"resourceArn\":\"arn:aws:batch:r:1:job/" JOB "\""

/* Wherever the objects stand into which an event puts members of its own, and whatever they hold;
 * the first event of a job and a later one. */
static void what_is_stored_is_told_in_its_order(void **state)
{
    (void)state;
    static const struct {
        const char *stored, *told;
    } cases[] = {
        { ",\"a\":1,\"container\":{\"image\":\"i\"},\"b\":[2],\"tags\":{\"t\":\"x\"},\"c\":3",
          ",\"a\":1,\"container\":{\"image\":\"i\"," RUN "},\"b\":[2],\"tags\":{\"t\":\"x\"," ARN
          "},\"c\":3," },
        { ",\"tags\":{},\"status\":\"SUBMITTED\",\"container\":{}",
          ",\"tags\":{" ARN "},\"container\":{" RUN "}," },
        { ",\"container\":null,\"attempts\":[1]", ",\"container\":null," },
        { "", "," },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *job = ob_strf("{" HEAD "%s}", cases[i].stored);
        ob_cleanup(ob_freep) char *want = ob_strf(ENVELOPE "%s" TAIL, cases[i].told);
        story event = make_event_of(job, "2", "0", "0");
        for (int times = 0; times < 2; times++) {
            ob_buf t = { 0 };
            event_render(&t, event.event, 0, event.job, -1, NULL, NULL, false);
            assert_string_equal(t.at, want);
            ob_buf_done(&t);
        }
        story_done(&event);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_of_large_arrays_are_told_without_the_largest_parts),
        cmocka_unit_test(what_is_stored_is_told_in_its_order),
        cmocka_unit_test(an_ended_job_is_told_whole),
        cmocka_unit_test(a_job_that_ends_with_its_first_run_shows_it),
        cmocka_unit_test(between_attempts_the_last_one_is_shown),
        cmocka_unit_test(an_eks_job_is_told_with_its_pod),
        cmocka_unit_test(a_running_eks_job_is_told_with_the_name_of_its_pod),
        cmocka_unit_test(a_lean_event_of_an_eks_job_has_its_pod),
        cmocka_unit_test(a_child_has_its_own_id_and_index),
        cmocka_unit_test(a_parent_sums_its_children_up),
        cmocka_unit_test(a_starting_job_has_no_log_yet),
        cmocka_unit_test(a_log_is_where_the_definition_sends_it),
        cmocka_unit_test(details_are_walked_without_being_built),
        cmocka_unit_test(broken_details_end_the_walk),
        cmocka_unit_test(texts_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
