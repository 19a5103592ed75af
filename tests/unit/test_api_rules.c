/* Members in a URI; rules for scheduling policies and compute environments that a table of members
 * cannot express. */
#include "unit.h"

#include "operations.h"

#include "http/uri.h"
#include "ob/text.h"
#include "random_bytes.h"
#include "request/errors.h"
#include "request/operation.h"

static void expect_uri(const char *path, const char *query, const char *expected)
{
    json_t *body = json_object();
    api_reply rep = { 0 };
    int r = uri_members(path, "/v1/tags/", "resourceArn", query, body, &rep);
    if (expected) {
        char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
        assert_int_equal(r, 0);
        assert_string_equal(text, expected);
        free(text);
    } else {
        assert_int_equal(r, -EINVAL);
        assert_string_equal(rep.code, "SerializationException");
    }
    json_decref(body);
    api_reply_done(&rep);
}

static void arns_come_encoded_or_not(void **state)
{
    expect_uri("/v1/tags/arn%3Aaws%3abatch%2Fq", NULL, "{\"resourceArn\":\"arn:aws:batch/q\"}");
    expect_uri("/v1/tags/arn:aws:batch/q", NULL, "{\"resourceArn\":\"arn:aws:batch/q\"}");
    expect_uri("/v1/tags/", NULL, "{\"resourceArn\":\"\"}");
    /* Decoded once; what is no escape stays. */
    expect_uri("/v1/tags/%253A%4", NULL, "{\"resourceArn\":\"%3A%4\"}");
    expect_uri("/v1/tags/a+b%", NULL, "{\"resourceArn\":\"a+b%\"}");
    expect_uri("/v1/tags/%00", NULL, NULL);
    expect_uri("/v1/tags/%ff", NULL, NULL);
}

static void query_members_are_lists(void **state)
{
    expect_uri("/v1/tags/a", "tagKeys=a&tagKeys=b%20c&tagKeys=d+e",
               "{\"resourceArn\":\"a\",\"tagKeys\":[\"a\",\"b c\",\"d e\"]}");
    expect_uri("/v1/tags/a", "tagKeys=&x&&",
               "{\"\":[\"\"],\"resourceArn\":\"a\",\"tagKeys\":[\"\"],\"x\":[\"\"]}");
    /* What stands in the path is not overruled. */
    expect_uri("/v1/tags/a", "resourceArn=b", "{\"resourceArn\":\"a\"}");
    expect_uri("/v1/tags/a", "tagKeys=%ff", NULL);
}

static void expect_rule(const char *path, const char *request, const char *message)
{
    json_t *body = json_loads(request, 0, NULL);
    api_reply rep = { 0 };
    assert_non_null(body);
    int r = api_operation_check(api_operation_find(API_BATCH, "POST", path), body, NULL, &rep);
    if (message) {
        assert_string_equal(rep.message, message);
        assert_int_equal(r, -EINVAL);
    } else if (r < 0) {
        fail_msg("%s: %s", request, rep.message);
    }
    json_decref(body);
    api_reply_done(&rep);
}

#define SHARES(list) "{\"name\":\"p\",\"fairsharePolicy\":{\"shareDistribution\":[" list "]}}"
#define SHARE(name) "{\"shareIdentifier\":\"" name "\"}"
static void shares_do_not_overlap(void **state)
{
    static const char path[] = "/v1/createschedulingpolicy";
    expect_rule(path, SHARES(SHARE("a") "," SHARE("b*") "," SHARE("ab")), NULL);
    expect_rule(path, SHARES(SHARE("a") "," SHARE("a")),
                "fairsharePolicy.shareDistribution: share identifiers a and a overlap.");
    expect_rule(path, SHARES(SHARE("a*") "," SHARE("ab*")),
                "fairsharePolicy.shareDistribution: share identifiers a* and ab* overlap.");
    expect_rule(path, SHARES(SHARE("ab") "," SHARE("a*")),
                "fairsharePolicy.shareDistribution: share identifiers ab and a* overlap.");
    expect_rule(path, SHARES(SHARE("*") "," SHARE("a")),
                "fairsharePolicy.shareDistribution: share identifiers * and a overlap.");
    expect_rule(path, SHARES(SHARE("a*b")),
                "fairsharePolicy.shareDistribution[0].shareIdentifier a*b is not valid.");
}

static void operations_not_built_are_named(void **state)
{
    expect_rule("/v1/submitservicejob", "{}",
                "SubmitServiceJob is not supported by OpenBatch yet.");
}

/* The deepest place of all tables, with the longest message. */
static void deep_members_are_named_by_their_path(void **state)
{
    expect_rule(
        "/v1/registerjobdefinition",
        "{\"jobDefinitionName\":\"d\",\"type\":\"multinode\",\"nodeProperties\":{\"numNodes\":1,"
        "\"mainNode\":0,\"nodeRangeProperties\":[{\"targetNodes\":\"0\",\"ecsProperties\":{"
        "\"taskProperties\":[{\"containers\":[{\"image\":\"a\",\"linuxParameters\":{\"devices\":"
        "[{\"hostPath\":\"/d\",\"permissions\":[\"READ\",\"EXEC\"]}]}}]}]}}]}}",
        "nodeProperties.nodeRangeProperties[0].ecsProperties.taskProperties[0].containers[0]."
        "linuxParameters.devices[0].permissions[1] EXEC is not valid. It must be one of "
        "[READ, WRITE, MKNOD].");
}

/* A name that is cut within a character: the rest of the sentence is told all the same. */
static void refusals_are_text_whatever_they_quote(void **state)
{
    uint64_t seed = 9;
    for (int i = 0; i < 300; i++) {
        char raw[2001];
        api_reply rep = { 0 };
        random_string(&seed, raw, sizeof(raw) - 1);
        (void)api_client_error(&rep, "Job %.100s does not exist.", raw);
        json_t *body = api_error_body(&rep, false);
        const char *message = json_string_value(json_object_get(body, "message"));
        assert_true(ob_text_is_utf8(message, strlen(message)));
        assert_non_null(strstr(message, " does not exist."));
        json_decref(body);
        api_reply_done(&rep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arns_come_encoded_or_not),
        cmocka_unit_test(query_members_are_lists),
        cmocka_unit_test(shares_do_not_overlap),
        cmocka_unit_test(operations_not_built_are_named),
        cmocka_unit_test(deep_members_are_named_by_their_path),
        cmocka_unit_test(refusals_are_text_whatever_they_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
