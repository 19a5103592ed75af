/* Parsing with limits: what is refused, and the allowed depth. */
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
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
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

static void unique_refuses_what_is_said_twice(void **state)
{
    static const char text[] = "{\"name\":\"a\",\"name\":\"b\"}";
    json_t *value = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_json_parse_as(text, strlen(text), OB_JSON_UNIQUE, &value, &err), -EINVAL);
    assert_null(value);
}

/* Who is refused knows nothing of our JSON library and its options. */
static void a_nul_is_refused_in_the_sender_s_words(void **state)
{
    static const char *const texts[] = { "{\"a\":\"x\\u0000y\"}", "{\"a\\u0000\":1}" };
    for (size_t i = 0; i < 2; i++) {
        json_t *value = NULL;
        ob_error err = { 0 };
        assert_int_equal(ob_json_parse(texts[i], strlen(texts[i]), &value, &err), -EINVAL);
        assert_non_null(strstr(err.text, "must not contain the character \\u0000"));
        assert_null(strstr(err.text, "JSON_"));
    }
    json_auto_t *value = NULL;
    assert_int_equal(ob_json_parse_as(texts[0], strlen(texts[0]), OB_JSON_NUL, &value, NULL), 0);
    assert_int_equal(json_string_length(json_object_get(value, "a")), 3);
}

static void a_brief_text_has_few_values(void **state)
{
    for (size_t n = OB_JSON_FEW - 4; n < OB_JSON_FEW + 4; n++) {
        ob_cleanup(ob_freep) char *text = ob_calloc(n + 1, 3);
        json_auto_t *value = NULL;
        ob_error err = { 0 };
        text[0] = '[';
        for (size_t i = 0; i < n; i++)
            memcpy(text + 1 + 2 * i, i + 1 < n ? "1," : "1]", 3);
        int r = ob_json_parse_as(text, strlen(text), OB_JSON_BRIEF, &value, &err);
        assert_int_equal(r, n > OB_JSON_FEW ? -EINVAL : 0);
        json_decref(value);
        value = NULL;
        assert_int_equal(ob_json_parse(text, strlen(text), &value, &err), 0);
    }
}

static void what_is_no_json_reads_as_nothing(void **state)
{
    json_auto_t *value = ob_json_read_text("{\"a\":1}");
    assert_true(json_is_object(value));
    assert_null(ob_json_read_text(NULL));
    assert_null(ob_json_read(NULL, 0));
    assert_null(ob_json_read("[", 1));
}

static void what_is_written_reads_the_same(void **state)
{
    static const char *const texts[] = { "{}", "[]",
                                         "{\"a\":[1,-2.5,true,null,\"\\u0001\\\"é\"]}" };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        json_auto_t *value = ob_json_read_text(texts[i]);
        ob_buf t = { 0 };
        ob_buf_str(&t, "[");
        ob_json_write(&t, value);
        assert_int_equal(t.len, strlen(t.at));
        assert_int_equal(t.len, 1 + json_dumpb(value, NULL, 0, JSON_COMPACT));
        json_auto_t *again = ob_json_read_text(t.at + 1);
        assert_true(json_equal(value, again));
        ob_buf_done(&t);
    }
    ob_buf t = { 0 };
    json_auto_t *number = json_integer(7);
    ob_json_write(&t, number);
    assert_string_equal(t.at, "7");
    ob_buf_done(&t);
}

static void a_text_of_any_bytes_is_written_as_text(void **state)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        { "", "" },
        { "é€", "é€" },
        { "a\xff\"\xe2\x82", "a\xef\xbf\xbd\"\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xc3", "\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_buf t = { 0 };
        ob_buf_str(&t, "[");
        ob_buf_json(&t, cases[i].bytes);
        ob_buf_str(&t, "]");
        json_auto_t *value = ob_json_read(t.at, t.len);
        assert_string_equal(json_string_value(json_array_get(value, 0)), cases[i].text);
        ob_buf_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_limited_and_brackets_in_strings_do_not_count),
        cmocka_unit_test(of_two_equal_members_the_last_wins),
        cmocka_unit_test(unique_refuses_what_is_said_twice),
        cmocka_unit_test(a_nul_is_refused_in_the_sender_s_words),
        cmocka_unit_test(a_brief_text_has_few_values),
        cmocka_unit_test(what_is_no_json_reads_as_nothing),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(a_text_of_any_bytes_is_written_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
