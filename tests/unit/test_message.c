/* The envelope of internal messages. */
#include "unit.h"

#include "ob/message.h"

static int parse(const char *text, json_t **ret, const char **type, int64_t *epoch)
{
    ob_error err = { 0 };
    return ob_message_parse(text, strlen(text), ret, type, epoch, &err);
}

static void a_message_goes_round(void **state)
{
    json_auto_t *msg = ob_message_new("placements", (int64_t)1 << 40);
    (void)json_object_set_new(msg, "instance", json_string("i-1"));
    char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    assert_int_equal(len, strlen(text));
    assert_null(strchr(text, ' '));

    json_auto_t *back = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    ob_error err = { 0 };
    assert_int_equal(ob_message_parse(text, len, &back, &type, &epoch, &err), 0);
    free(text);
    assert_string_equal(type, "placements");
    assert_int_equal(epoch, (int64_t)1 << 40);
    assert_string_equal(ob_json_str(back, "instance", ""), "i-1");
}

static void a_message_that_is_written_has_the_same_envelope(void **state)
{
    json_auto_t *built = ob_message_new("place", (int64_t)1 << 40), *written = NULL;
    ob_buf t = { 0 };
    const char *type = NULL;
    int64_t epoch = 0;
    ob_message_begin(&t, "place", (int64_t)1 << 40);
    ob_buf_str(&t, "}");
    assert_int_equal(parse(t.at, &written, &type, &epoch), 0);
    assert_true(json_equal(built, written));
    ob_buf_done(&t);
}

static void what_has_no_envelope_is_refused(void **state)
{
    const char *const bad[] = { "",
                                "x",
                                "[]",
                                "{}",
                                "{\"v\":1}",
                                "{\"v\":\"1\",\"type\":\"a\"}",
                                "{\"v\":1,\"type\":2}",
                                "{\"v\":1,\"type\":\"a\",\"epoch\":\"3\"}",
                                "{\"type\":\"a\",\"epoch\":3}" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        json_t *msg = NULL;
        const char *type = NULL;
        int64_t epoch = 0;
        assert_int_equal(parse(bad[i], &msg, &type, &epoch), -EINVAL);
        assert_null(msg);
    }
    ob_error err = { 0 };
    json_t *msg = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    assert_int_equal(ob_message_parse(NULL, 0, &msg, &type, &epoch, &err), -EINVAL);
}

static void another_version_is_told_apart(void **state)
{
    json_t *msg = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    assert_int_equal(parse("{\"v\":2,\"kind\":[]}", &msg, &type, &epoch), -ENOTSUP);
    assert_null(msg);
}

static void a_missing_epoch_is_zero(void **state)
{
    json_auto_t *msg = NULL;
    const char *type = NULL;
    int64_t epoch = 5;
    assert_int_equal(parse("{\"v\":1,\"type\":\"a\"}", &msg, &type, &epoch), 0);
    assert_int_equal(epoch, 0);
}

static void too_long_a_message_is_refused(void **state)
{
    size_t len = OB_MESSAGE_MAX + 1;
    char *text = malloc(len);
    memset(text, ' ', len);
    memcpy(text, "{\"v\":1,\"type\":\"a\"}", 18);
    json_t *msg = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    ob_error err = { 0 };
    assert_int_equal(ob_message_parse(text, len, &msg, &type, &epoch, &err), -EINVAL);
    assert_int_equal(ob_message_parse(text, len - 1, &msg, &type, &epoch, &err), 0);
    json_decref(msg);
    free(text);
}

static void members_of_another_type_give_the_default(void **state)
{
    json_auto_t *obj = json_pack("{s:i, s:s, s:b}", "n", 3, "s", "t", "b", 1);
    assert_int_equal(ob_json_int(obj, "n", 9), 3);
    assert_int_equal(ob_json_int(obj, "s", 9), 9);
    assert_int_equal(ob_json_int(obj, "x", 9), 9);
    assert_string_equal(ob_json_str(obj, "s", "d"), "t");
    assert_string_equal(ob_json_str(obj, "n", "d"), "d");
    assert_null(ob_json_str(obj, "x", NULL));
    assert_true(ob_json_bool(obj, "b", false));
    assert_true(ob_json_bool(obj, "n", true));
    assert_int_equal(ob_json_int(NULL, "n", 9), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_goes_round),
        cmocka_unit_test(a_message_that_is_written_has_the_same_envelope),
        cmocka_unit_test(what_has_no_envelope_is_refused),
        cmocka_unit_test(another_version_is_told_apart),
        cmocka_unit_test(a_missing_epoch_is_zero),
        cmocka_unit_test(too_long_a_message_is_refused),
        cmocka_unit_test(members_of_another_type_give_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
