/* Errors: return values, texts, long texts. */
#include "unit.h"

#include "ob/error.h"

static void fail_returns_the_negative_code_and_fills_the_text(void **state)
{
    ob_error err = { .retriable = true };
    assert_int_equal(ob_fail(&err, EINVAL, "queue %s is %d", "q", 3), -EINVAL);
    assert_string_equal(err.text, "queue q is 3");
    assert_false(err.retriable);
    assert_int_equal(ob_fail(NULL, ENOENT, "nobody asks"), -ENOENT);
}

static void fail_retry_says_so(void **state)
{
    ob_error err = { 0 };
    assert_int_equal(ob_fail_retry(&err, EIO, "away"), -EIO);
    assert_true(err.retriable);
}

static void context_stands_before_and_may_be_the_error_itself(void **state)
{
    ob_error err = { 0 };
    (void)ob_fail_retry(&err, EIO, "away");
    ob_error_context(&err, "round %d", 7);
    assert_string_equal(err.text, "round 7: away");
    assert_true(err.retriable);
    (void)ob_fail(&err, EIO, "again: %s", err.text);
    assert_string_equal(err.text, "again: round 7: away");
    ob_error_context(NULL, "nobody asks");
}

static void long_texts_are_cut(void **state)
{
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ob_error err = { 0 };
    (void)ob_fail(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    ob_error_context(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void take_leaves_null_behind(void **state)
{
    char *s = ob_strf("%d", 42);
    char *t = ob_take(s);
    assert_null(s);
    assert_string_equal(t, "42");
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_returns_the_negative_code_and_fills_the_text),
        cmocka_unit_test(fail_retry_says_so),
        cmocka_unit_test(context_stands_before_and_may_be_the_error_itself),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(take_leaves_null_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
