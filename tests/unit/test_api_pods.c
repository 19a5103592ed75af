/* What DescribeJobs shows of an EKS job while it runs and between its attempts, and the size of a
 * pod, without a database. */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>

#include "jobs/job_store.h"
#include "jobs/pod_resolve.h"
#include "jobs/pod_view.h"
#include "ob/json.h"

#define DETAIL                                                                                     \
    "{\"jobArn\":\"a\",\"jobId\":\"b\",\"jobName\":\"n\",\"eksProperties\":{\"podProperties\":"    \
    "{\"containers\":[{\"image\":\"i\"}]}}}"

static const api_request me = { .account = "123456789012", .region = "us-east-1" };

/* A row of job_store_describe with these columns only. */
static PGresult *make_row(const char *run, const char *attempt, const char *pods)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    const int n = DESCRIBE_COL_ATTEMPT + 1;
    PGresAttDesc columns[DESCRIBE_COL_ATTEMPT + 1] = { 0 };
    for (int i = 0; i < n; i++)
        columns[i].name = (char *)(uintptr_t) "c";
    assert_true(PQsetResultAttrs(res, n, columns));
    for (int i = 0; i < n; i++)
        assert_true(PQsetvalue(res, 0, i, NULL, -1));
    const struct {
        int column;
        const char *text;
    } values[] = { { JOB_COL_RUN, run },
                   { DESCRIBE_COL_ATTEMPT, attempt },
                   { DESCRIBE_COL_PODS, pods } };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        assert_true(PQsetvalue(res, 0, values[i].column, (char *)(uintptr_t)values[i].text,
                               (int)strlen(values[i].text)));
    return res;
}

/* As DescribeJobs shows it: a first attempt has ended; of its run, and of the run 'known' of the
 * second one, pods are known. placed: the run 'run' of the second one is there. */
static json_t *shown(bool placed, const char *run, int known)
{
    ob_cleanup(ob_freep) char *pods =
        ob_strf("[{\"attempt\":1,\"run\":1,\"pod\":{\"name\":\"p1\"}},"
                "{\"attempt\":2,\"run\":%d,\"pod\":{\"name\":\"p2\",\"node\":\"n2\","
                "\"containers\":[{\"name\":\"default\",\"exitCode\":4}]}}]",
                known);
    json_auto_t *attempts =
        json_pack("[{s:i, s:i, s:s, s:n, s:i, s:s}]", "attempt", 1, "run", 1, "cluster", "c",
                  "started_at_ms", "stopped_at_ms", 5, "reason", "why");
    json_auto_t *members = json_pack("{s:s}", "status", "RUNNING");
    const ob_job_ref ref = { .index = 3 };
    PGresult *rows = make_row(run, "2", pods);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    pod_view_write(out, "", &(pod_view){ &me, &ref, DETAIL, attempts, placed }, members, rows, 0);
    (void)fclose(out);
    json_t *job = ob_json_read_text(text);
    assert_non_null(job);
    free(text);
    PQclear(rows);
    return job;
}

static const json_t *pod_of(const json_t *job)
{
    return json_object_get(json_object_get(job, "eksProperties"), "podProperties");
}

static const char *pod_name(const json_t *job)
{
    return json_string_value(json_object_get(pod_of(job), "podName"));
}

static void the_pod_of_the_present_run_is_shown(void **state)
{
    (void)state;
    json_auto_t *job = shown(true, "3", 3);
    const json_t *container = json_array_get(json_object_get(pod_of(job), "containers"), 0);
    assert_string_equal(pod_name(job), "p2");
    assert_int_equal(json_integer_value(json_object_get(container, "exitCode")), 4);
    assert_string_equal(json_string_value(json_object_get(job, "status")), "RUNNING");
    assert_non_null(strstr(json_string_value(json_object_get(job, "jobId")), ":3"));
    assert_non_null(strstr(json_string_value(json_object_get(job, "jobArn")), ":3"));
    json_auto_t *before = shown(true, "3", 2); /* of a run that was given back */
    assert_null(pod_name(before));
    json_auto_t *between = shown(false, "3", 3);
    assert_string_equal(pod_name(between), "p1");
}

static void attempts_that_have_ended_are_shown_apart(void **state)
{
    (void)state;
    json_auto_t *job = shown(true, "3", 3);
    assert_int_equal(json_array_size(json_object_get(job, "attempts")), 0);
    assert_int_equal(json_array_size(json_object_get(job, "eksAttempts")), 1);
    const json_t *one = json_array_get(json_object_get(job, "eksAttempts"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "podName")), "p1");
    assert_string_equal(json_string_value(json_object_get(one, "eksClusterArn")), "c");
    assert_int_equal(json_integer_value(json_object_get(one, "stoppedAt")), 5);
    assert_null(json_object_get(one, "startedAt"));
}

static void a_text_that_names_the_member_is_none(void **state)
{
    (void)state;
    assert_true(pod_view_is(DETAIL));
    json_auto_t *other = json_pack("{s:s, s:{}}", "jobName", ",\"eksProperties\":{", "container");
    ob_cleanup(ob_freep) char *text = json_dumps(other, JSON_COMPACT);
    assert_false(pod_view_is(text));
}

static void assert_need(const char *pod_text, int mcpu, int mem_mib, int gpus)
{
    api_reply rep = { 0 };
    ob_resources need = { 0 };
    json_auto_t *pod = ob_json_read_text(pod_text);
    assert_int_equal(pod_need(pod, &need, &rep), 0);
    assert_int_equal(need.mcpu, mcpu);
    assert_int_equal(need.mem_mib, mem_mib);
    assert_int_equal(need.gpus, gpus);
}

#define CPU(kind, amount) "{\"resources\":{\"" kind "\":{\"cpu\":\"" amount "\"}}}"

static void a_pod_needs_its_containers_or_its_largest_init_container(void **state)
{
    (void)state;
    assert_need("{\"containers\":[{}]}", 0, 0, 0);
    assert_need("{\"containers\":[{\"resources\":{\"limits\":{\"memory\":\"64Mi\","
                "\"nvidia.com/gpu\":\"2\"},\"requests\":{\"cpu\":\"0.25\"}}}]}",
                250, 64, 2);
    assert_need("{\"containers\":[" CPU("requests", "1") "," CPU(
                    "limits", "0.5") "],"
                                     "\"initContainers\":[" CPU("limits", "1.25") "," CPU(
                                         "limits", "1.250") "]}",
                1500, 0, 0);
    assert_need("{\"containers\":[" CPU("requests", "1") "],\"initContainers\":[" CPU(
                    "limits", "2") "," CPU("limits", "7.75") "]}",
                7750, 0, 0);
    assert_need("{\"containers\":[" CPU("requests", "100m") "," CPU("requests", "1e3") "]}", 0, 0,
                0);
}

static void more_than_can_be_counted_is_refused(void **state)
{
    (void)state;
    api_reply rep = { 0 };
    ob_resources need = { 0 };
    json_auto_t *pod = ob_json_read_text("{\"containers\":[" CPU("requests", "999999") "," CPU(
        "requests", "999999") "," CPU("requests", "999999") "]}");
    assert_int_equal(pod_need(pod, &need, &rep), -EINVAL);
    assert_non_null(rep.code);
    api_reply_done(&rep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pod_of_the_present_run_is_shown),
        cmocka_unit_test(attempts_that_have_ended_are_shown_apart),
        cmocka_unit_test(a_text_that_names_the_member_is_none),
        cmocka_unit_test(a_pod_needs_its_containers_or_its_largest_init_container),
        cmocka_unit_test(more_than_can_be_counted_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
