/* The results of submissions and the meaning of ListJobs filters, without a database. */
#include "unit.h"

#include <jansson.h>

#include "jobs/container_resolve.h"
#include "jobs/job_filter.h"

static const api_request me = { .account = "123456789012", .region = "us-east-1" };

/* The command that 'command' (JSON) comes to with 'parameters', as JSON; NULL: refused. */
static char *command_of(const char *command, const char *parameters, api_reply *rep)
{
    json_auto_t *base = json_pack("{s:o}", "command", json_loads(command, 0, NULL));
    json_auto_t *given = json_loads(parameters, 0, NULL);
    json_auto_t *out = NULL;
    bool too_long = false;
    if (container_resolve(base, NULL, given, &out, &too_long, rep) < 0)
        return NULL;
    assert_false(too_long);
    return json_dumps(json_object_get(out, "command"), JSON_COMPACT);
}

static void assert_command(const char *command, const char *parameters, const char *want)
{
    api_reply rep = { 0 };
    ob_cleanup(ob_freep) char *got = command_of(command, parameters, &rep);
    assert_non_null(got);
    assert_string_equal(got, want);
}

static void references_are_replaced_anywhere_and_once(void **state)
{
    assert_command("[\"Ref::a\"]", "{\"a\":\"x\"}", "[\"x\"]");
    assert_command("[\"--in=Ref::a,Ref::b\"]", "{\"a\":\"1\",\"b\":\"2\"}", "[\"--in=1,2\"]");
    assert_command("[\"Ref::a\"]", "{\"a\":\"Ref::b\",\"b\":\"2\"}", "[\"Ref::b\"]");
    assert_command("[\"Ref::a\"]", "{\"a\":\"\"}", "[\"\"]");
    assert_command("[\"no reference\"]", "{}", "[\"no reference\"]");
}

static void without_a_name_it_is_no_reference(void **state)
{
    assert_command("[\"Ref::\",\"Ref:: Ref::a Ref::\",\"Ref::$a\"]", "{\"a\":\"1\"}",
                   "[\"Ref::\",\"Ref:: 1 Ref::\",\"Ref::$a\"]");
    assert_command("[\"Ref::Ref::a\"]", "{\"Ref\":\"r\",\"a\":\"1\"}", "[\"r::a\"]");
}

/* How many characters overrides have: the command as it was sent, with values for references. */
static bool is_too_long(const char *command, size_t n, bool overridden, size_t value_len)
{
    json_auto_t *words = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(words, json_string(command));
    json_auto_t *base = json_pack("{s:O}", "command", words);
    json_auto_t *overrides = overridden ? json_pack("{s:O}", "command", words) : NULL;
    ob_cleanup(ob_freep) char *value = ob_calloc(1, value_len + 1);
    memset(value, 'v', value_len);
    json_auto_t *given = json_pack("{s:s}", "p", value);
    json_auto_t *out = NULL;
    bool too_long = false;
    api_reply rep = { 0 };
    assert_int_equal(container_resolve(base, overrides, given, &out, &too_long, &rep), 0);
    const char *first = json_string_value(json_array_get(json_object_get(out, "command"), 0));
    assert_string_equal(first, too_long ? command : value);
    return too_long;
}

static void values_count_as_what_the_caller_overrides(void **state)
{
    assert_false(is_too_long("Ref::p", 1, false, 8192));
    assert_true(is_too_long("Ref::p", 1, false, 8193));
    assert_false(is_too_long("Ref::p", 64, false, 128));
    assert_true(is_too_long("Ref::p", 64, false, 129));
    size_t around = strlen("{\"command\":[\"\"]}");
    assert_false(is_too_long("Ref::p", 1, true, 8192 - around));
    assert_true(is_too_long("Ref::p", 1, true, 8193 - around));
    assert_true(is_too_long("Ref::p", 3000, true, 28000));
}

static void overrides_of_the_environment_replace_by_name(void **state)
{
    json_auto_t *base = json_loads("{\"environment\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":"
                                   "\"B\",\"value\":\"2\"},{\"name\":\"C\",\"value\":\"3\"}]}",
                                   0, NULL);
    json_auto_t *overrides =
        json_loads("{\"environment\":[{\"name\":\"B\",\"value\":\"x\"},{\"name\":\"D\",\"value\":"
                   "\"4\"},{\"name\":\"C\",\"value\":\"\"},{\"name\":\"B\",\"value\":\"5\"}]}",
                   0, NULL);
    json_auto_t *out = NULL;
    bool too_long = false;
    api_reply rep = { 0 };
    assert_int_equal(container_resolve(base, overrides, NULL, &out, &too_long, &rep), 0);
    ob_cleanup(ob_freep) char *got = json_dumps(json_object_get(out, "environment"), JSON_COMPACT);
    assert_string_equal(got, "[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"D\",\"value\":\"4\"},"
                             "{\"name\":\"B\",\"value\":\"5\"}]");
    assert_int_equal(json_array_size(json_object_get(base, "environment")), 3); /* not changed */
}

static void the_longest_parameter_name_wins(void **state)
{
    assert_command("[\"Ref::sample.bam\"]", "{\"sample\":\"s\"}", "[\"s.bam\"]");
    assert_command("[\"Ref::sample.bam\"]", "{\"sample\":\"s\",\"sample.bam\":\"t\"}", "[\"t\"]");
    assert_command("[\"Ref::a-b-c\"]", "{\"a-b\":\"1\",\"a\":\"2\"}", "[\"1-c\"]");
}

static void a_reference_without_a_value_is_named(void **state)
{
    static const struct {
        const char *command, *name;
    } cases[] = { { "[\"Ref::ab\"]", "ab" }, { "[\"x\", \"Ref::b.c\"]", "b.c" } };
    for (size_t i = 0; i < 2; i++) {
        api_reply rep = { 0 };
        assert_null(command_of(cases[i].command, "{\"a\":\"1\"}", &rep));
        assert_string_equal(rep.code, "ClientException");
        const char *text = "Unable to substitute value. No parameter found for reference ";
        assert_memory_equal(rep.message, text, strlen(text));
        assert_string_equal(rep.message + strlen(text), cases[i].name);
        api_reply_done(&rep);
    }
}

static void requirements_win_over_older_members(void **state)
{
    json_auto_t *base = json_pack("{s:i, s:i}", "vcpus", 1, "memory", 64);
    json_auto_t *overrides =
        json_loads("{\"memory\":128,\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"3\"},"
                   "{\"type\":\"GPU\",\"value\":\"2\"}]}",
                   0, NULL);
    json_auto_t *out = NULL;
    api_reply rep = { 0 };
    bool too_long = false;
    assert_int_equal(container_resolve(base, overrides, NULL, &out, &too_long, &rep), 0);
    ob_resources need = container_need(out);
    assert_int_equal(need.mcpu, 3000);
    assert_int_equal(need.mem_mib, 128);
    assert_int_equal(need.gpus, 2);
    assert_null(json_object_get(out, "vcpus"));
    assert_int_equal(json_integer_value(json_object_get(base, "vcpus")), 1); /* not changed */
}

static int read_filter(const char *name, const char *value, list_filter *ret)
{
    json_auto_t *filters = json_pack("[{s:s, s:[s]}]", "name", name, "values", value);
    api_reply rep = { 0 };
    int r = list_filter_read(&me, filters, ret, &rep);
    api_reply_done(&rep);
    return r;
}

static void names_are_exact_or_a_range(void **state)
{
    list_filter f;
    assert_int_equal(read_filter("JOB_NAME", "My-Job", &f), 0);
    assert_string_equal(f.sql.name, "my-job");
    assert_null(f.sql.name_from);
    assert_int_equal(read_filter("JOB_NAME", "My_*", &f), 0);
    assert_null(f.sql.name);
    assert_string_equal(f.sql.name_from, "my_");
    assert_true(strcmp(f.sql.name_below, "my_zzz") > 0);
    assert_true(strcmp(f.sql.name_below, "my`") < 0);
    assert_int_equal(read_filter("JOB_DEFINITION", "My*", &f), 0);
    assert_string_equal(f.sql.definition_from, "My");
    assert_int_equal(read_filter("JOB_NAME", "*", &f), 0);
    assert_false(f.nothing || f.sql.name || f.sql.name_from);
}

static void what_no_name_can_be_finds_nothing(void **state)
{
    static const char *const values[] = { "", "a*b", "a%", "\xc3\xa4*", "a b" };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        list_filter f;
        assert_int_equal(read_filter("JOB_NAME", values[i], &f), 0);
        assert_true(f.nothing);
    }
    char longest[400];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    list_filter f;
    assert_int_equal(read_filter("JOB_DEFINITION", longest, &f), 0);
    assert_true(f.nothing);
}

static void a_definition_may_be_an_arn_of_the_callers(void **state)
{
#define ARN "arn:aws:batch:us-east-1:123456789012:job-definition/"
    list_filter f;
    assert_int_equal(read_filter("JOB_DEFINITION", ARN "d:7", &f), 0);
    assert_false(f.nothing);
    assert_string_equal(f.sql.definition, "d");
    assert_int_equal(f.sql.revision, 7);
    static const char *const others[] = { ARN "d*", ARN "d:x", "arn:aws:batch:eu-west-1:1:x/d:7" };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(read_filter("JOB_DEFINITION", others[i], &f), 0);
        assert_true(f.nothing);
    }
}

static void times_are_milliseconds(void **state)
{
    list_filter f;
    assert_int_equal(read_filter("AFTER_CREATED_AT", "1700000000123", &f), 0);
    assert_int_equal(f.sql.after_ms, 1700000000123);
    assert_int_equal(f.sql.before_ms, 0);
    assert_int_equal(read_filter("BEFORE_CREATED_AT", "999999999999999", &f), 0);
    assert_int_equal(f.sql.before_ms, 999999999999999);
    assert_false(f.nothing);
    assert_int_equal(read_filter("BEFORE_CREATED_AT", "0", &f), 0);
    assert_true(f.nothing);
    static const char *const wrong[] = { "", "-1", "1.5", "now", "9999999999999999" };
    for (size_t i = 0; i < 5; i++)
        assert_true(read_filter("AFTER_CREATED_AT", wrong[i], &f) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_replaced_anywhere_and_once),
        cmocka_unit_test(without_a_name_it_is_no_reference),
        cmocka_unit_test(values_count_as_what_the_caller_overrides),
        cmocka_unit_test(overrides_of_the_environment_replace_by_name),
        cmocka_unit_test(the_longest_parameter_name_wins),
        cmocka_unit_test(a_reference_without_a_value_is_named),
        cmocka_unit_test(requirements_win_over_older_members),
        cmocka_unit_test(names_are_exact_or_a_range),
        cmocka_unit_test(what_no_name_can_be_finds_nothing),
        cmocka_unit_test(a_definition_may_be_an_arn_of_the_callers),
        cmocka_unit_test(times_are_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
