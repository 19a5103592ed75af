/* ARNs, names and paging tokens of the API. */
#include "unit.h"

#include "request/arn.h"
#include "request/paging.h"

static void arns_are_spelled_as_aws_does(void **state)
{
    char arn[API_ARN_MAX];
    arn_compute_environment(arn, "eu-west-1", "123456789012", "e");
    assert_string_equal(arn, "arn:aws:batch:eu-west-1:123456789012:compute-environment/e");
    arn_job_queue(arn, "r", "a", "q");
    assert_string_equal(arn, "arn:aws:batch:r:a:job-queue/q");
    arn_job_definition(arn, "r", "a", "d", 7);
    assert_string_equal(arn, "arn:aws:batch:r:a:job-definition/d:7");
    arn_job(arn, "r", "a", "id:3");
    assert_string_equal(arn, "arn:aws:batch:r:a:job/id:3");
    arn_ecs_cluster(arn, "r", "a", "e_Batch_u");
    assert_string_equal(arn, "arn:aws:ecs:r:a:cluster/e_Batch_u");
    arn_ecs_task(arn, "r", "a", "c", "t");
    assert_string_equal(arn, "arn:aws:ecs:r:a:task/c/t");
    arn_ecs_container_instance(arn, "r", "a", "c", "i");
    assert_string_equal(arn, "arn:aws:ecs:r:a:container-instance/c/i");
}

static void long_parts_are_cut_not_overrun(void **state)
{
    char arn[API_ARN_MAX], region[600];
    memset(region, 'r', sizeof region - 1);
    region[sizeof region - 1] = '\0';
    arn_job_queue(arn, region, "a", "q");
    assert_int_equal(strlen(arn), API_ARN_MAX - 1);
}

static void an_arn_names_only_what_is_the_callers(void **state)
{
    const char *name = NULL;
    assert_true(arn_or_name("q", "job-queue", "r", "a", &name));
    assert_string_equal(name, "q");
    assert_true(arn_or_name("arn:aws:batch:r:a:job-queue/q", "job-queue", "r", "a", &name));
    assert_string_equal(name, "q");
    assert_true(arn_or_name("arn:aws-cn:batch:r:a:job-queue/q", "job-queue", "r", "a", &name));
    static const char *const others[] = {
        "arn:aws:batch:r:b:job-queue/q",
        "arn:aws:batch:s:a:job-queue/q",
        "arn:aws:ecs:r:a:job-queue/q",
        "arn:aws:batch:r:a:job-definition/q",
        "arn:aws:batch:r:a:job-queue/",
        "arn:aws:batch:r:a:job-queue",
        "arn:aws:batch:r:a",
        "arn:",
        "arn:gcp:batch:r:a:job-queue/q",
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(arn_or_name(others[i], "job-queue", "r", "a", &name));
}

static void names_follow_the_pattern(void **state)
{
    char name[200];
    assert_true(name_is_valid("a"));
    assert_true(name_is_valid("9-x_Y"));
    static const char *const bad[] = { "", "-a", "_a", "a b", "a.b", "a/b", "a:1", "\xc3\xa9" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(name_is_valid(bad[i]));
    memset(name, 'x', sizeof name);
    name[128] = '\0';
    assert_true(name_is_valid(name));
    name[128] = 'x';
    name[129] = '\0';
    assert_false(name_is_valid(name));
}

static void definitions_split_into_name_and_revision(void **state)
{
    char name[API_NAME_MAX];
    int revision = -1;
    assert_true(definition_name_split("d", name, &revision));
    assert_int_equal(revision, 0);
    assert_true(definition_name_split("d:12", name, &revision));
    assert_string_equal(name, "d");
    assert_int_equal(revision, 12);
    static const char *const bad[] = { "",    ":1",    "d:",   "d:0",      "d:01",
                                       "d:x", "d:1:2", "d:-1", "d:latest", "d:9999999999" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(definition_name_split(bad[i], name, &revision));
}

static api_ctx ctx;

static api_request request(const char *operation, const char *account, const char *region)
{
    return (
        api_request){ .operation = operation, .account = account, .region = region, .ctx = &ctx };
}

static void tokens_come_back_where_they_were_made(void **state)
{
    memset(ctx.token_key, 7, sizeof ctx.token_key);
    api_request req = request("ListJobs", "a", "r");
    static const char *const positions[] = { "", "1", "12", "123",
                                             "01a20980-36d1-77e0-9fc2-493138f08755/17" };
    for (size_t i = 0; i < ARRAY_SIZE(positions); i++) {
        api_reply rep = { 0 };
        char *back = NULL, *token = page_token_new(&req, positions[i]);
        assert_int_equal(page_token_read(&req, token, &back, &rep), 0);
        assert_string_equal(back, positions[i]);
        assert_int_equal(
            strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
            strlen(token));
        free(back);
        free(token);
    }
}

/* Else one name would make two tokens that look much alike. */
static void a_token_does_not_show_its_position(void **state)
{
    (void)state;
    api_request req = request("ListJobs", "a", "r");
    char name[49] = "", *tokens[2];
    memset(name, 'n', sizeof name - 1);
    for (int i = 0; i < 2; i++)
        tokens[i] = page_token_new(&req, name);
    size_t n = strlen(tokens[0]), same = 0;
    assert_int_equal(n, strlen(tokens[1]));
    for (size_t i = 0; i < n; i++)
        same += tokens[0][i] == tokens[1][i];
    assert_true(same < n / 2);
    free(tokens[0]);
    free(tokens[1]);
}

static void refused(const api_request *req, const char *token)
{
    api_reply rep = { 0 };
    char *back = NULL;
    assert_int_equal(page_token_read(req, token, &back, &rep), -EINVAL);
    assert_string_equal(rep.code, "ClientException");
    assert_null(back);
}

static void other_tokens_are_refused(void **state)
{
    api_request req = request("ListJobs", "a", "r");
    char *token = page_token_new(&req, "42"), longer[3000];
    const api_request others[] = { request("DescribeJobQueues", "a", "r"),
                                   request("ListJobs", "b", "r"), request("ListJobs", "a", "s") };
    for (size_t i = 0; i < 3; i++)
        refused(&others[i], token);
    for (size_t i = 0; token[i]; i++) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        /* The last character may carry bits that mean nothing. */
        if (token[i + 1])
            refused(&req, token);
        token[i] = was;
    }
    free(token);
    memset(longer, 'A', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    static const char *const garbage[] = {
        "x", "garbage", "====", "a+b/", "\xff\xfe", "AAAAAAAAAAAAAAAAAAAAAAAA", " "
    };
    refused(&req, longer);
    for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
        refused(&req, garbage[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arns_are_spelled_as_aws_does),
        cmocka_unit_test(long_parts_are_cut_not_overrun),
        cmocka_unit_test(an_arn_names_only_what_is_the_callers),
        cmocka_unit_test(names_follow_the_pattern),
        cmocka_unit_test(definitions_split_into_name_and_revision),
        cmocka_unit_test(tokens_come_back_where_they_were_made),
        cmocka_unit_test(a_token_does_not_show_its_position),
        cmocka_unit_test(other_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
