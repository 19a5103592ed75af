/* Decoding by table: what is filled, what is refused, and that the error names the member. */
#include "unit.h"

#include "ob/json_fields.h"

typedef struct sample {
    const char *name;
    int64_t size;
    bool size_set;
    bool flag;
    json_t *list, *object, *strings, *map;
} sample;

static const ob_json_field fields[] = {
    { "name", OB_JSON_STRING, offsetof(sample, name), true },
    { "size", OB_JSON_INT, offsetof(sample, size), false, offsetof(sample, size_set) },
    { "flag", OB_JSON_BOOL, offsetof(sample, flag) },
    { "list", OB_JSON_ARRAY, offsetof(sample, list) },
    { "object", OB_JSON_OBJECT, offsetof(sample, object) },
    { "strings", OB_JSON_STRINGS, offsetof(sample, strings) },
    { "map", OB_JSON_MAP, offsetof(sample, map) },
    { 0 },
};

static int decode(const char *text, sample *out, json_t **ret_keep, ob_error *err)
{
    assert_int_equal(ob_json_parse(text, strlen(text), ret_keep, err), 0);
    *out = (sample){ 0 };
    return ob_json_decode(*ret_keep, fields, out, err);
}

static void all_kinds_are_filled(void **state)
{
    json_auto_t *keep = NULL;
    sample s;
    ob_error err = { 0 };
    assert_int_equal(
        decode("{\"name\":\"n\",\"size\":9007199254740993,\"flag\":true,\"list\":[1,null],"
               "\"object\":{\"a\":1},\"strings\":[\"x\"],\"map\":{\"k\":\"v\"},\"other\":3}",
               &s, &keep, &err),
        0);
    assert_string_equal(s.name, "n");
    assert_int_equal(s.size, 9007199254740993);
    assert_true(s.size_set);
    assert_true(s.flag);
    assert_int_equal(json_array_size(s.list), 2);
    assert_int_equal(json_object_size(s.object), 1);
    assert_string_equal(json_string_value(json_array_get(s.strings, 0)), "x");
    assert_string_equal(json_string_value(json_object_get(s.map, "k")), "v");
}

static void absent_and_null_members_are_left_alone(void **state)
{
    json_auto_t *keep = NULL;
    sample s;
    ob_error err = { 0 };
    assert_int_equal(decode("{\"name\":\"n\",\"size\":null}", &s, &keep, &err), 0);
    assert_int_equal(s.size, 0);
    assert_false(s.size_set);
    assert_null(s.list);
}

static void the_error_names_the_member(void **state)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        { "{}", "name is required" },
        { "{\"name\":null}", "name is required" },
        { "{\"name\":1}", "name must be a string" },
        { "{\"name\":\"n\",\"size\":1.0}", "size must be an integer" },
        { "{\"name\":\"n\",\"size\":\"1\"}", "size must be an integer" },
        { "{\"name\":\"n\",\"flag\":1}", "flag must be true or false" },
        { "{\"name\":\"n\",\"list\":{}}", "list must be a list" },
        { "{\"name\":\"n\",\"object\":[]}", "object must be an object" },
        { "{\"name\":\"n\",\"strings\":[\"a\",1]}", "strings must be a list of strings" },
        { "{\"name\":\"n\",\"map\":{\"a\":1}}", "map must be an object whose values are strings" },
        { "[]", "an object is expected" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_auto_t *keep = NULL;
        sample s;
        ob_error err = { 0 };
        assert_int_equal(decode(bad[i].text, &s, &keep, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].error);
    }
}

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
    json_auto_t *keep = NULL;
    sample s;
    ob_error err = { 0 };
    assert_int_equal(decode("{\"name\":\"a\",\"name\":\"b\"}", &s, &keep, &err), 0);
    assert_string_equal(s.name, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_filled),
        cmocka_unit_test(absent_and_null_members_are_left_alone),
        cmocka_unit_test(the_error_names_the_member),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_limited_and_brackets_in_strings_do_not_count),
        cmocka_unit_test(of_two_equal_members_the_last_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
