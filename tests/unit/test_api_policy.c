/* Policies: what is accepted and refused, which statement wins, the meaning of wildcards and
 * conditions. */
#include "unit.h"

#include "auth/key_policy.h"

#define QUEUE "arn:aws:batch:us-east-1:123456789012:job-queue/"
#define VERSION "\"Version\":\"2012-10-17\""

static policy *read_policy(const char *statements)
{
    ob_cleanup(ob_freep) char *text = ob_strf("{" VERSION ",\"Statement\":[%s]}", statements);
    policy *p = NULL;
    ob_error err = { 0 };
    if (policy_parse(text, strlen(text), &p, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(policy_text(p), text);
    return p;
}

static void refused(const char *text, const char *why)
{
    policy *p = NULL;
    ob_error err = { 0 };
    assert_int_equal(policy_parse(text, strlen(text), &p, &err), -EINVAL);
    assert_null(p);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static policy_answer
ask_with(const policy *p, const char *action, const char *arn, const policy_fact *facts, size_t n)
{
    const policy_question q = {
        .action = action, .names = &arn, .n_names = 1, .facts = facts, .n_facts = n
    };
    return policy_decide(p, &q);
}

static policy_answer ask(const policy *p, const char *action, const char *arn)
{
    return ask_with(p, action, arn, NULL, 0);
}

/* One statement, one question. */
static policy_answer one(const char *statement, const char *action, const char *arn)
{
    policy *p = read_policy(statement);
    policy_answer answer = ask(p, action, arn);
    policy_unref(p);
    return answer;
}

static void what_no_statement_allows_is_not_allowed(void **state)
{
    (void)state;
    assert_int_equal(ask(NULL, "batch:SubmitJob", "*"), POLICY_NOT_ALLOWED);
    static const char allow[] =
        "{\"Effect\":\"Allow\",\"Action\":\"batch:SubmitJob\",\"Resource\":\"" QUEUE "a\"}";
    assert_int_equal(one(allow, "batch:SubmitJob", QUEUE "a"), POLICY_ALLOWED);
    assert_int_equal(one(allow, "batch:SubmitJob", QUEUE "b"), POLICY_NOT_ALLOWED);
    assert_int_equal(one(allow, "batch:SubmitJob", QUEUE "A"), POLICY_NOT_ALLOWED);
    assert_int_equal(one(allow, "batch:SubmitJob", QUEUE "aa"), POLICY_NOT_ALLOWED);
    assert_int_equal(one(allow, "batch:SubmitJob", "*"), POLICY_NOT_ALLOWED);
    assert_int_equal(one(allow, "batch:SubmitJobs", QUEUE "a"), POLICY_NOT_ALLOWED);
    assert_int_equal(one(allow, "logs:SubmitJob", QUEUE "a"), POLICY_NOT_ALLOWED);
}

static void a_statement_that_denies_wins_wherever_it_stands(void **state)
{
    (void)state;
    static const char all[] = "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}";
    static const char deny[] =
        "{\"Effect\":\"Deny\",\"Action\":\"batch:Delete*\",\"Resource\":\"*\"}";
    for (int first = 0; first < 2; first++) {
        ob_cleanup(ob_freep) char *text = ob_strf("%s,%s", first ? deny : all, first ? all : deny);
        policy *p = read_policy(text);
        assert_int_equal(ask(p, "batch:DeleteJobQueue", QUEUE "a"), POLICY_FORBIDDEN);
        assert_int_equal(ask(p, "batch:SubmitJob", QUEUE "a"), POLICY_ALLOWED);
        assert_int_equal(policy_outlook(p, "batch:DeleteJobQueue"), POLICY_FORBIDDEN);
        assert_int_equal(policy_outlook(p, "batch:DescribeJobs"), POLICY_ALLOWED);
        policy_unref(p);
    }
}

static void actions_have_no_case_and_wildcards(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *action;
        policy_answer answer;
    } rows[] = {
        { "*", "batch:SubmitJob", POLICY_ALLOWED },
        { "batch:*", "batch:SubmitJob", POLICY_ALLOWED },
        { "BATCH:submitjob", "batch:SubmitJob", POLICY_ALLOWED },
        { "batch:Submit*", "batch:SubmitJob", POLICY_ALLOWED },
        { "batch:*Job", "batch:SubmitJob", POLICY_ALLOWED },
        { "batch:*Job", "batch:DescribeJobs", POLICY_NOT_ALLOWED },
        { "batch:S?bmitJob", "batch:SubmitJob", POLICY_ALLOWED },
        { "batch:SubmitJob?", "batch:SubmitJob", POLICY_NOT_ALLOWED },
        { "logs:*", "batch:SubmitJob", POLICY_NOT_ALLOWED },
        { "batch:*b*b*", "batch:SubmitJob", POLICY_ALLOWED },
        { "batch:*b*b*b*b", "batch:SubmitJob", POLICY_NOT_ALLOWED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ob_cleanup(ob_freep) char *statement =
            ob_strf("{\"Effect\":\"Allow\",\"Action\":[\"x:Y\",\"%s\"],\"Resource\":\"*\"}",
                    rows[i].pattern);
        assert_int_equal(one(statement, rows[i].action, QUEUE "a"), rows[i].answer);
    }
}

static void wildcards_stay_within_a_part_of_an_arn(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *arn;
        policy_answer answer;
    } rows[] = {
        { "*", QUEUE "a", POLICY_ALLOWED },
        { "arn:aws:batch:*:*:job-queue/a", QUEUE "a", POLICY_ALLOWED },
        { "arn:*:batch:*:123456789012:job-queue/*", QUEUE "a", POLICY_ALLOWED },
        { "arn:aws:batch:us-*:123456789012:job-queue/te?m-*", QUEUE "team-a", POLICY_ALLOWED },
        { "arn:aws:batch:eu-*:*:job-queue/a", QUEUE "a", POLICY_NOT_ALLOWED },
        { "arn:aws:batch:*:job-queue/a", QUEUE "a", POLICY_NOT_ALLOWED },
        { "arn:aws:*:job-queue/a", QUEUE "a", POLICY_NOT_ALLOWED },
        /* Parts left out are anything. */
        { "arn:aws:batch:*", QUEUE "a", POLICY_ALLOWED },
        { "arn:*", QUEUE "a", POLICY_ALLOWED },
        { "arn:aws:logs:*", QUEUE "a", POLICY_NOT_ALLOWED },
        /* In the last part colons are text. */
        { "arn:aws:batch:*:*:job-definition/d:*",
          "arn:aws:batch:us-east-1:123456789012:job-definition/d:3", POLICY_ALLOWED },
        { "arn:aws:batch:*:*:job-definition/d",
          "arn:aws:batch:us-east-1:123456789012:job-definition/d:3", POLICY_NOT_ALLOWED },
        { "arn:aws:logs:*:*:log-group:/aws/batch/*:log-stream:d/*",
          "arn:aws:logs:us-east-1:123456789012:log-group:/aws/batch/job:log-stream:d/default/x",
          POLICY_ALLOWED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ob_cleanup(ob_freep) char *statement = ob_strf(
            "{\"Effect\":\"Allow\",\"Action\":\"batch:*\",\"Resource\":[\"%s\"]}", rows[i].pattern);
        if (one(statement, "batch:X", rows[i].arn) != rows[i].answer)
            fail_msg("%s against %s", rows[i].pattern, rows[i].arn);
    }
}

static void not_action_and_not_resource_mean_all_others(void **state)
{
    (void)state;
    static const char others[] =
        "{\"Effect\":\"Allow\",\"NotAction\":\"batch:Delete*\",\"NotResource\":\"" QUEUE "a\"}";
    assert_int_equal(one(others, "batch:SubmitJob", QUEUE "b"), POLICY_ALLOWED);
    assert_int_equal(one(others, "batch:SubmitJob", QUEUE "a"), POLICY_NOT_ALLOWED);
    assert_int_equal(one(others, "batch:DeleteJobQueue", QUEUE "b"), POLICY_NOT_ALLOWED);
}

static void a_resource_goes_by_each_of_its_names(void **state)
{
    (void)state;
    const char *names[] = { "arn:aws:batch:us-east-1:123456789012:job/1", QUEUE "a" };
    policy_question q = { .action = "batch:TerminateJob", .names = names, .n_names = 2 };
    policy *p = read_policy("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"" QUEUE "a\"}");
    assert_int_equal(policy_decide(p, &q), POLICY_ALLOWED);
    policy_unref(p);
    /* Everything but what is in queue a: its jobs are not meant. */
    p = read_policy("{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotResource\":\"" QUEUE "a\"}");
    assert_int_equal(policy_decide(p, &q), POLICY_NOT_ALLOWED);
    policy_unref(p);
    p = read_policy("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
                    "{\"Effect\":\"Deny\",\"Action\":\"*\",\"NotResource\":\"" QUEUE "a\"}");
    assert_int_equal(policy_decide(p, &q), POLICY_ALLOWED);
    names[1] = QUEUE "b";
    assert_int_equal(policy_decide(p, &q), POLICY_FORBIDDEN);
    policy_unref(p);
}

static void conditions_compare_what_the_request_brings(void **state)
{
    (void)state;
    static const policy_fact red[] = { { "aws:ResourceTag/team", "Red" },
                                       { "aws:ResourceTag/stage", "test" } };
    static const struct {
        const char *condition;
        policy_answer with, without;
    } rows[] = {
        { "\"StringEquals\":{\"aws:ResourceTag/team\":\"Red\"}", POLICY_ALLOWED,
          POLICY_NOT_ALLOWED },
        { "\"StringEquals\":{\"aws:ResourceTag/team\":[\"Blue\",\"Red\"]}", POLICY_ALLOWED,
          POLICY_NOT_ALLOWED },
        { "\"StringEquals\":{\"AWS:resourcetag/Team\":\"Red\"}", POLICY_ALLOWED,
          POLICY_NOT_ALLOWED },
        { "\"StringEquals\":{\"aws:ResourceTag/team\":\"red\"}", POLICY_NOT_ALLOWED,
          POLICY_NOT_ALLOWED },
        { "\"StringEqualsIgnoreCase\":{\"aws:ResourceTag/team\":\"red\"}", POLICY_ALLOWED,
          POLICY_NOT_ALLOWED },
        { "\"StringEqualsIfExists\":{\"aws:ResourceTag/team\":\"Red\"}", POLICY_ALLOWED,
          POLICY_ALLOWED },
        { "\"StringEqualsIfExists\":{\"aws:ResourceTag/team\":\"Blue\"}", POLICY_NOT_ALLOWED,
          POLICY_ALLOWED },
        { "\"StringNotEquals\":{\"aws:ResourceTag/team\":\"Blue\"}", POLICY_ALLOWED,
          POLICY_ALLOWED },
        { "\"StringNotEquals\":{\"aws:ResourceTag/team\":[\"Blue\",\"Red\"]}", POLICY_NOT_ALLOWED,
          POLICY_ALLOWED },
        { "\"StringLike\":{\"aws:ResourceTag/team\":\"R?*\"}", POLICY_ALLOWED, POLICY_NOT_ALLOWED },
        { "\"StringNotLike\":{\"aws:ResourceTag/team\":\"R*\"}", POLICY_NOT_ALLOWED,
          POLICY_ALLOWED },
        { "\"Null\":{\"aws:ResourceTag/team\":\"false\"}", POLICY_ALLOWED, POLICY_NOT_ALLOWED },
        { "\"Null\":{\"aws:ResourceTag/team\":true}", POLICY_NOT_ALLOWED, POLICY_ALLOWED },
        /* All keys and all operators must hold. */
        { "\"StringEquals\":{\"aws:ResourceTag/team\":\"Red\",\"aws:ResourceTag/stage\":\"live\"}",
          POLICY_NOT_ALLOWED, POLICY_NOT_ALLOWED },
        { "\"StringEquals\":{\"aws:ResourceTag/team\":\"Red\"},"
          "\"StringLike\":{\"aws:ResourceTag/stage\":\"t*\"}",
          POLICY_ALLOWED, POLICY_NOT_ALLOWED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ob_cleanup(ob_freep) char *statement =
            ob_strf("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{%s}}",
                    rows[i].condition);
        policy *p = read_policy(statement);
        assert_true(policy_asks_resource_tags(p));
        if (ask_with(p, "batch:X", QUEUE "a", red, 2) != rows[i].with)
            fail_msg("with the tags: %s", rows[i].condition);
        if (ask(p, "batch:X", QUEUE "a") != rows[i].without)
            fail_msg("without tags: %s", rows[i].condition);
        policy_unref(p);
    }
}

static void a_conditional_deny_leaves_the_outlook_open(void **state)
{
    (void)state;
    policy *p = read_policy("{\"Effect\":\"Allow\",\"Action\":\"batch:List*\",\"Resource\":\"*\"},"
                            "{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\""
                            ":{\"StringEquals\":{\"batch:ShareIdentifier\":\"x\"}}}");
    assert_int_equal(policy_outlook(p, "batch:ListJobs"), POLICY_ALLOWED);
    assert_int_equal(policy_outlook(p, "batch:SubmitJob"), POLICY_NOT_ALLOWED);
    assert_false(policy_asks_resource_tags(p));
    policy_unref(p);
}

static void some_statements_take_away(void **state)
{
    (void)state;
    policy *p =
        read_policy("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
                    "{\"Effect\":\"Deny\",\"Action\":\"a:Deny\",\"Resource\":\"*\"},"
                    "{\"Effect\":\"Allow\",\"Action\":\"a:Not\",\"NotResource\":\"*\"},"
                    "{\"Effect\":\"Allow\",\"Action\":\"a:If\",\"Resource\":\"*\",\"Condition\""
                    ":{\"Null\":{\"batch:User\":\"true\"}}}");
    assert_true(policy_only_adds(p, "a:Other"));
    assert_false(policy_only_adds(p, "a:Deny"));
    assert_false(policy_only_adds(p, "a:Not"));
    assert_false(policy_only_adds(p, "a:If"));
    policy_unref(p);
}

static void what_cannot_be_weighed_is_refused(void **state)
{
    (void)state;
#define ONE(statement) "{" VERSION ",\"Statement\":[" statement "]}"
#define ALLOW "\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\""
    refused("", "not valid JSON");
    refused("[]", "must be a JSON object");
    refused("{}", "Version");
    refused("{\"Version\":\"2024-01-01\",\"Statement\":{" ALLOW "}}", "Version");
    refused("{" VERSION "}", "at least one");
    refused(ONE(""), "at least one");
    refused("{" VERSION ",\"Statements\":[]}", "Statements");
    refused(ONE("7"), "Statement 1: a statement must be an object");
    refused(ONE("{" ALLOW "},{\"Effect\":\"allow\",\"Action\":\"*\",\"Resource\":\"*\"}"),
            "Statement 2: Effect");
    refused(ONE("{\"Effect\":\"Allow\",\"Resource\":\"*\"}"), "either Action or NotAction");
    refused(ONE("{" ALLOW ",\"NotAction\":\"*\"}"), "either Action or NotAction");
    refused(ONE("{\"Effect\":\"Allow\",\"Action\":\"*\"}"), "either Resource or NotResource");
    refused(ONE("{\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\"}"), "must not be empty");
    refused(ONE("{\"Effect\":\"Allow\",\"Action\":[1],\"Resource\":\"*\"}"), "list of strings");
    refused(ONE("{\"Effect\":\"Allow\",\"Action\":\"SubmitJob\",\"Resource\":\"*\"}"),
            "service:action");
    refused(ONE("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"queue\"}"), "an ARN");
    refused(ONE("{" ALLOW ",\"Principal\":\"*\"}"), "Principal");
    refused(ONE("{\"Effect\":\"Deny\"," ALLOW "}"), "not valid JSON"); /* a member twice */
    refused(ONE("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"arn:aws:batch:*:*:job-queue/"
                "${aws:username}\"}"),
            "policy variables");
#define IF(condition) ONE("{" ALLOW ",\"Condition\":" condition "}")
    refused(IF("[]"), "Condition must be an object");
    refused(IF("{\"StringEquals\":\"x\"}"), "must be an object");
    refused(IF("{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"a\"]}}"),
            "'ForAllValues:StringEquals' is not supported by OpenBatch");
    refused(IF("{\"NumericLessThan\":{\"aws:RequestTag/a\":\"1\"}}"), "'NumericLessThan'");
    refused(IF("{\"NullIfExists\":{\"aws:RequestTag/a\":\"true\"}}"), "'NullIfExists'");
    refused(IF("{\"StringEquals\":{\"aws:SourceIp\":\"1.2.3.4\"}}"), "'aws:SourceIp'");
    refused(IF("{\"StringEquals\":{\"aws:RequestTag/\":\"a\"}}"), "'aws:RequestTag/'");
    refused(IF("{\"StringEquals\":{\"aws:RequestTag/a\":[]}}"), "must not be empty");
    refused(IF("{\"Null\":{\"aws:RequestTag/a\":\"maybe\"}}"), "true or false");
    /* Read by recursion, on the small stack of a thread. */
    ob_cleanup(ob_freep) char *deep = ob_strf("{" VERSION ",\"Statement\":%0*d}", 2000, 0);
    memset(strchr(deep, ':') + strlen(":\"2012-10-17\",\"Statement\":"), '[', 1000);
    refused(deep, "nested deeper");
    ob_cleanup(ob_freep) char *long_text = ob_calloc(1, POLICY_TEXT_MAX + 2);
    memset(long_text, ' ', POLICY_TEXT_MAX + 1);
    refused(long_text, "longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_statement_allows_is_not_allowed),
        cmocka_unit_test(a_statement_that_denies_wins_wherever_it_stands),
        cmocka_unit_test(actions_have_no_case_and_wildcards),
        cmocka_unit_test(wildcards_stay_within_a_part_of_an_arn),
        cmocka_unit_test(not_action_and_not_resource_mean_all_others),
        cmocka_unit_test(a_resource_goes_by_each_of_its_names),
        cmocka_unit_test(conditions_compare_what_the_request_brings),
        cmocka_unit_test(a_conditional_deny_leaves_the_outlook_open),
        cmocka_unit_test(some_statements_take_away),
        cmocka_unit_test(what_cannot_be_weighed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
