/* Parsing with limits: what is refused, and how deep it may be. */
#include "unit.h"

#include "ob/json.h"

static void what_is_no_json_is_refused(void **state)
{
    const char *const bad[] = { "",
                                "{",
                                "{\"a\":1}x",
                                "{\"a\":\"\xff\"}",
                                "nothing",
                                "\"string\"",
                                "{\"a\":\"\\u0000\"}",
                                "{\"a\":1e999}",
                                "{\"a\":99999999999999999999}" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *value = NULL;
        ob_error err = { 0 };
        assert_int_equal(ob_json_parse(bad[i], strlen(bad[i]), &value, &err), -EINVAL);
        assert_null(value);
        assert_true(strlen(err.text) > 0);
    }
}

static void depth_is_limited_and_brackets_in_strings_do_not_count(void **state)
{
    char deep[400] = { 0 };
    json_t *value = NULL;
    ob_error err = { 0 };
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    assert_int_equal(ob_json_parse(deep, 128, &value, &err), 0);
    json_decref(value);
    value = NULL;
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    assert_int_equal(ob_json_parse(deep, 130, &value, &err), -EINVAL);
    assert_null(value);
    memset(deep, '[', 300);
    memcpy(deep, "[\"\\\"", 4);
    memcpy(deep + 298, "\"]", 2);
    assert_int_equal(ob_json_parse(deep, 300, &value, &err), 0);
    json_decref(value);
}

static void of_two_equal_members_the_last_wins(void **state)
{
    static const char text[] = "{\"name\":\"a\",\"name\":\"b\"}";
    json_auto_t *value = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_json_parse(text, strlen(text), &value, &err), 0);
    assert_string_equal(json_string_value(json_object_get(value, "name")), "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_limited_and_brackets_in_strings_do_not_count),
        cmocka_unit_test(of_two_equal_members_the_last_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
