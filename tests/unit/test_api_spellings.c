/* Spellings of a resource: each is resolved to that resource or to nothing, and in the same way for
 * the policy and for the handler. */
#include "unit.h"

#include "auth/keys.h"
#include "operations.h"
#include "request/names.h"

#define ACCOUNT "123456789012"
#define HEAD "arn:aws:batch:r:" ACCOUNT ":"
#define LOGS "arn:aws:logs:r:" ACCOUNT ":log-group:"

typedef struct spelling {
    const char *text;
    const char *name; /* NULL: nothing of the caller's */
} spelling;

static const char *
resolved(const char *operation, api_protocol protocol, json_t *body, const char *m)
{
    static char name[LOG_NAME_MAX + 64];
    const api_operation op = { .protocol = protocol,
                               .access = api_operation_named(operation)->access };
    api_request req = {
        .operation = operation, .account = ACCOUNT, .region = "r", .body = body, .op = &op
    };
    names_read(&req);
    const api_name *n = names_of(&req, m);
    assert_non_null(n);
    (void)snprintf(name, sizeof name, "%s", n->name ? n->name : "");
    bool found = n->name;
    names_done(&req);
    return found ? name : NULL;
}

static void check(const char *operation,
                  api_protocol protocol,
                  const char *member,
                  const spelling *cases,
                  size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_auto_t *body = json_pack("{s:s}", member, cases[i].text);
        const char *name = resolved(operation, protocol, body, member);
        if (!name != !cases[i].name || (name && strcmp(name, cases[i].name) != 0))
            fail_msg("%s %s '%s' is '%s'", operation, member, cases[i].text, name ? name : "NULL");
    }
}
#define CHECK(operation, protocol, member, cases)                                                  \
    check(operation, protocol, member, cases, ARRAY_SIZE(cases))

static void queues_go_by_name_and_by_one_arn(void **state)
{
    (void)state;
    static const spelling cases[] = {
        { "q", "q" },
        { HEAD "job-queue/q", "q" },
        { "arn:aws-cn:batch:r:" ACCOUNT ":job-queue/q", "q" },
        { "arn:aws-us-gov:batch:r:" ACCOUNT ":job-queue/q", "q" },
        { "ARN:aws:batch:r:" ACCOUNT ":job-queue/q", "ARN:aws:batch:r:" ACCOUNT ":job-queue/q" },
        { "arn:AWS:batch:r:" ACCOUNT ":job-queue/q", NULL },
        { "arn:awsx:batch:r:" ACCOUNT ":job-queue/q", NULL },
        { "arn:aws-:batch:r:" ACCOUNT ":job-queue/q", NULL },
        { "arn:job-queue/q:batch:r:" ACCOUNT ":job-queue/q", NULL },
        { "arn:aws:ecs:r:" ACCOUNT ":job-queue/q", NULL },
        { "arn:aws:batch:s:" ACCOUNT ":job-queue/q", NULL },
        { "arn:aws:batch:r:210987654321:job-queue/q", NULL },
        { "arn:aws:batch:r:" ACCOUNT ":job-queue:q", NULL },
        { HEAD "job-queue/", NULL },
        { HEAD "job-definition/q", NULL },
        { HEAD "JOB-QUEUE/q", NULL },
        { HEAD "job-queue/q/x", "q/x" }, /* no name that anybody has */
        { HEAD "job-queue/q:*", "q:*" },
        { HEAD "job-queue%2Fq", NULL },
    };
    CHECK("UpdateJobQueue", API_BATCH, "jobQueue", cases);
    CHECK("SubmitJob", API_BATCH, "jobQueue", cases);
    CHECK("ListJobs", API_BATCH, "jobQueue", cases);
}

static void groups_go_by_name_and_by_one_arn(void **state)
{
    (void)state;
    static const spelling ids[] = {
        { "/g", "/g" },
        { LOGS "/g", "/g" },
        { LOGS "/g:*", "/g" },
        { "arn:aws-cn:logs:r:" ACCOUNT ":log-group:/g", "/g" },
        { "arn:log-group:logs:r:" ACCOUNT ":log-group:/g", NULL },
        { "arn:aws:logs:r:" ACCOUNT ":log-group:", NULL },
        { LOGS "/g:log-stream:s", NULL },
        { LOGS "x:log-group:/g", NULL },
        { "arn:aws:logs:s:" ACCOUNT ":log-group:/g", NULL },
        { "arn:aws:logs:r:210987654321:log-group:/g", NULL },
        { "arn:aws:batch:r:" ACCOUNT ":log-group:/g", NULL },
        { "/g:*", NULL },
        { "/g\xc3\xa9", NULL },
        { ":*", NULL },
    };
    static const spelling names[] = {
        { "/g", "/g" }, { LOGS "/g", NULL }, { "/g:*", NULL }, { "/%67", NULL }, { "/g ", NULL }
    };
    static const char *const operations[] = { "GetLogEvents", "FilterLogEvents",
                                              "DescribeLogStreams" };
    for (size_t i = 0; i < 3; i++) {
        CHECK(operations[i], API_LOGS, ACCESS_GROUP_ID, ids);
        CHECK(operations[i], API_LOGS, ACCESS_GROUP, names);
    }
    char longer[LOG_NAME_MAX + 1] = "";
    memset(longer, 'g', LOG_NAME_MAX);
    for (size_t len = LOG_NAME_MAX; len >= LOG_NAME_MAX - 1; len--) {
        longer[len] = '\0';
        char *name = arn_log_group(longer, false, "r", ACCOUNT);
        assert_int_equal(!name, len == LOG_NAME_MAX);
        free(name);
    }
}

/* Where anything of Batch's may be named, only what is the caller's is meant. */
static void an_arn_of_anything_is_the_callers_or_nothing(void **state)
{
    (void)state;
    static const spelling cases[] = {
        { HEAD "job-queue/q", "q" },
        { HEAD "compute-environment/e", "e" },
        { HEAD "scheduling-policy/p", "p" },
        { HEAD "job-definition/d:3", "d:3" },
        { "arn:aws-cn:batch:r:" ACCOUNT ":job-queue/q", "q" },
        { "arn:aws:batch:r:210987654321:job-queue/q", NULL },
        { "arn:aws:batch:s:" ACCOUNT ":job-queue/q", NULL },
        { "arn:aws:batch::" ACCOUNT ":job-queue/q", NULL },
        { "arn:aws:batch:r::job-queue/q", NULL },
        { "arn:aws:ecs:r:" ACCOUNT ":job-queue/q", NULL },
        { "arn:job-queue/q:batch:r:" ACCOUNT ":job-queue/q", NULL },
        { HEAD "job-queue/", NULL },
        { HEAD "job-queue", NULL },
        { "job-queue/q", NULL },
        { "q", NULL },
    };
    CHECK("TagResource", API_BATCH, "resourceArn", cases);
    CHECK("UntagResource", API_BATCH, "resourceArn", cases);
    CHECK("ListTagsForResource", API_BATCH, "resourceArn", cases);
}

static void jobs_and_definitions_are_taken_apart_once(void **state)
{
    (void)state;
    static const char job[] = "018F0000-0000-7000-8000-00000000000a";
    static const struct {
        const char *operation, *member, *text;
        bool valid;
        int number; /* revision, or index */
    } cases[] = {
        { "CancelJob", "jobId", "", true, -1 },
        { "CancelJob", "jobId", ":7", true, 7 },
        { "CancelJob", "jobId", ":07", false, 0 },
        { "CancelJob", "jobId", "/1", false, 0 },
        { "TagResource", "resourceArn", "arn:" HEAD "job/", false, 0 },
        { "TagResource", "resourceArn", HEAD "job/", true, -1 },
        { "DeregisterJobDefinition", "jobDefinition", "d:3", true, 3 },
        { "DeregisterJobDefinition", "jobDefinition", "d", true, 0 },
        { "DeregisterJobDefinition", "jobDefinition", HEAD "job-definition/d:3", true, 3 },
        { "DeregisterJobDefinition", "jobDefinition", HEAD "job-definition/d:03", false, 0 },
        { "ListTagsForResource", "resourceArn", HEAD "job-definition/d:3", true, 3 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool is_job = strcmp(cases[i].member, "jobId") == 0 || strstr(cases[i].text, "job/");
        bool arn = strstr(cases[i].text, "arn:");
        ob_cleanup(ob_freep) char *text =
            !is_job ? ob_strdup(cases[i].text)
                    : ob_strf("%s%s%s", arn ? cases[i].text : "", job, arn ? "" : cases[i].text);
        json_auto_t *body = json_pack("{s:s}", cases[i].member, text);
        const api_operation op = { .protocol = API_BATCH,
                                   .access = api_operation_named(cases[i].operation)->access };
        api_request req = { .operation = cases[i].operation,
                            .account = ACCOUNT,
                            .region = "r",
                            .body = body,
                            .op = &op };
        names_read(&req);
        const api_name *n = names_of(&req, cases[i].member);
        assert_non_null(n);
        if (n->valid != cases[i].valid)
            fail_msg("%s", text);
        if (n->valid)
            assert_int_equal(is_job ? n->job.index : n->revision, cases[i].number);
        names_done(&req);
    }
}

static void lists_keep_their_places_and_end(void **state)
{
    (void)state;
    json_auto_t *body =
        json_pack("{s:[{s:s},{},{s:s}], s:s}", "computeEnvironmentOrder", "computeEnvironment", "a",
                  "computeEnvironment", "b", "jobQueue", "q");
    const api_operation op = { .protocol = API_BATCH,
                               .access = api_operation_named("UpdateJobQueue")->access };
    api_request req = {
        .operation = "UpdateJobQueue", .account = ACCOUNT, .region = "r", .body = body, .op = &op
    };
    static const char member[] = "computeEnvironmentOrder[].computeEnvironment";
    names_read(&req);
    assert_string_equal(names_at(&req, member, 0)->name, "a");
    assert_null(names_at(&req, member, 1));
    assert_string_equal(names_at(&req, member, 2)->name, "b");
    names_done(&req);

    json_t *list = json_array();
    for (int i = 0; i < 3 * NAMES_MAX; i++)
        (void)json_array_append_new(list, json_string("s"));
    json_auto_t *many = json_pack("{s:o, s:s}", "logStreamNames", list, ACCESS_GROUP, "g");
    const api_operation logs = { .protocol = API_LOGS,
                                 .access = api_operation_named("FilterLogEvents")->access };
    req = (api_request){
        .operation = "FilterLogEvents", .account = ACCOUNT, .region = "r", .body = many, .op = &logs
    };
    names_read(&req);
    assert_int_equal(req.n_names, NAMES_MAX + 1);
    names_done(&req);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_go_by_name_and_by_one_arn),
        cmocka_unit_test(groups_go_by_name_and_by_one_arn),
        cmocka_unit_test(an_arn_of_anything_is_the_callers_or_nothing),
        cmocka_unit_test(jobs_and_definitions_are_taken_apart_once),
        cmocka_unit_test(lists_keep_their_places_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
