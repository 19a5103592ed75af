/* Filter patterns of CloudWatch Logs: what they match, what is refused. */
#include "unit.h"

#include "logs/log_filter.h"

static bool takes(const char *pattern, const char *text)
{
    log_filter *filter = NULL;
    ob_error err = { 0 };
    assert_int_equal(log_filter_new(pattern, &filter, &err), 0);
    bool yes = log_filter_takes(filter, text, strlen(text));
    log_filter_free(filter);
    return yes;
}

static void refuses(const char *pattern, const char *why)
{
    log_filter *filter = NULL;
    ob_error err = { 0 };
    assert_int_equal(log_filter_new(pattern, &filter, &err), -EINVAL);
    assert_non_null(strstr(err.text, why));
    assert_null(filter);
}

static void an_empty_pattern_takes_all(void **state)
{
    assert_true(takes("", "anything"));
    assert_true(takes("  ", ""));
}

static void every_term_must_be_there(void **state)
{
    assert_true(takes("ERROR", "an ERROR here"));
    assert_false(takes("ERROR", "an error here"));
    assert_true(takes("ERROR disk", "disk: ERROR"));
    assert_false(takes("ERROR disk", "ERROR"));
    assert_true(takes("path/x", "at path/xyz"));
}

static void phrases_keep_their_blanks(void **state)
{
    assert_true(takes("\"no space\"", "there is no space left"));
    assert_false(takes("\"no space\"", "space? no"));
    assert_true(takes("\"say \\\"hi\\\"\" now", "now say \"hi\""));
    assert_true(takes("\"-x\"", "with -x"));
}

static void one_alternative_is_enough(void **state)
{
    assert_true(takes("?WARN ?ERROR", "a WARN"));
    assert_true(takes("?WARN ?\"big ERROR\"", "a big ERROR"));
    assert_false(takes("?WARN ?ERROR", "an INFO"));
    assert_true(takes("disk ?WARN", "disk")); /* beside a term that must, they mean nothing */
    assert_false(takes("disk ?WARN", "WARN"));
}

static void what_is_excluded_must_not_be_there(void **state)
{
    assert_true(takes("-DEBUG", "INFO"));
    assert_false(takes("-DEBUG", "a DEBUG line"));
    assert_false(takes("ERROR -\"known bug\"", "ERROR: known bug"));
    assert_true(takes("ERROR -\"known bug\"", "ERROR: known"));
    assert_false(takes("?A ?B -C", "A C"));
}

static void bytes_of_any_kind_are_searched(void **state)
{
    log_filter *filter = NULL;
    assert_int_equal(log_filter_new("end", &filter, NULL), 0);
    assert_true(log_filter_takes(filter, "\0\xff end", 6));
    assert_false(log_filter_takes(filter, "\0\xff end", 5));
    log_filter_free(filter);
}

static void what_is_not_understood_is_refused(void **state)
{
    refuses("{ $.level = \"ERROR\" }", "JSON");
    refuses(" [ip, user, ...]", "space-delimited");
    refuses("%[0-9]+%", "regular expressions");
    refuses("\"open", "not closed");
    refuses("a - b", "empty");
    refuses("?", "empty");
    refuses("\"\"", "empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_pattern_takes_all),
        cmocka_unit_test(every_term_must_be_there),
        cmocka_unit_test(phrases_keep_their_blanks),
        cmocka_unit_test(one_alternative_is_enough),
        cmocka_unit_test(what_is_excluded_must_not_be_there),
        cmocka_unit_test(bytes_of_any_kind_are_searched),
        cmocka_unit_test(what_is_not_understood_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
