/* Text from outside: the result is always valid text, cut between characters. jansson decides what
 * is UTF-8, because it is not our code. */
#include "unit.h"

#include "ob/error.h"
#include "ob/json.h"
#include "ob/text.h"
#include "random_bytes.h"

#define ROUNDS 20000
#define INPUT_MAX 90

static bool is_text(const char *data, size_t len)
{
    json_t *string = memchr(data, 0, len) ? NULL : json_stringn(data, len);
    json_decref(string);
    return string != NULL;
}

static void a_cut_falls_between_characters(void **state)
{
    char buf[8];
    assert_int_equal(ob_text_copy(buf, 4, "aéé", 5), 3);
    assert_string_equal(buf, "aé");
    assert_int_equal(ob_text_copy(buf, 5, "aéé", 5), 3);
    assert_string_equal(buf, "aé");
    assert_int_equal(ob_text_copy(buf, 6, "aéé", 5), 5);
    assert_string_equal(buf, "aéé");
    assert_int_equal(ob_text_copy(buf, 1, "aéé", 5), 0);
    assert_string_equal(buf, "");
    assert_string_equal(ob_cut("/:aééé", 5), "/:aé");
    assert_string_equal(ob_cut("/:aééé", 6), "/:aé");
    assert_string_equal(ob_cut(NULL, 6), "");
    char *dup = ob_text_dup("aéé", 4);
    assert_string_equal(dup, "aé");
    free(dup);
    dup = ob_text_dup("aéé", 1000);
    assert_string_equal(dup, "aéé");
    free(dup);
}

static void what_is_no_character_is_replaced(void **state)
{
    char buf[64];
    (void)ob_text_copy(buf, sizeof(buf), "a\0b\xc3", 4);
    assert_string_equal(buf, "a\xef\xbf\xbd"
                             "b\xef\xbf\xbd");
    (void)ob_text_copy(buf, sizeof(buf), "\xed\xa0\x80\xc0\xafz", 6);
    assert_string_equal(buf, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    ob_text_format(buf, sizeof(buf), "%.3s|%d", "éé", 7);
    assert_string_equal(buf, "é\xef\xbf\xbd|7");
}

static void a_format_may_read_what_it_writes(void **state)
{
    char buf[12] = "ééé";
    ob_text_format(buf, sizeof(buf), "%s %s", buf, buf);
    assert_string_equal(buf, "ééé éé");
}

/* The error is built as the executor once built it: the text in its middle cut by bytes. */
static void an_error_is_text_whatever_it_is_made_of(void **state)
{
    char path[400] = "/:a";
    for (int i = 0; i < 150; i++)
        memcpy(path + 3 + 2 * i, "é", 3);
    ob_error err = { 0 };
    (void)ob_fail(&err, EINVAL, "containerPath %.200s is not an absolute path", path);
    assert_true(is_text(err.text, strlen(err.text)));
    assert_non_null(strstr(err.text, "is not an absolute path"));
    (void)ob_fail(&err, EINVAL, "containerPath %s is not an absolute path", ob_cut(path, 200));
    assert_null(strstr(err.text, "\xef\xbf\xbd"));
}

static void random_bytes_become_text(void **state)
{
    uint64_t seed = 11;
    char in[INPUT_MAX + 1], out[3 * INPUT_MAX + 1];
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = random_bytes(&seed, in, INPUT_MAX);
        assert_int_equal(ob_text_is_utf8(in, len), is_text(in, len));
        size_t n = ob_text_copy(out, sizeof(out), in, len);
        assert_true(is_text(out, n));
        assert_int_equal(strlen(out), n);
        if (is_text(in, len))
            assert_true(n == len && memcmp(in, out, len) == 0);

        /* A shorter one is the same text's beginning, and lacks less than a character. */
        char cut[3 * INPUT_MAX + 1];
        size_t size = 1 + random_next(&seed) % (sizeof(cut) - 1);
        size_t got = ob_text_copy(cut, size, in, len);
        assert_true(got < size && is_text(cut, got) && memcmp(cut, out, got) == 0);
        assert_true(got == n || size - got <= 4);
    }
}

static void random_strings_become_errors_and_json(void **state)
{
    uint64_t seed = 5;
    char in[1500 + 1];
    ob_error err = { 0 };
    for (int i = 0; i < 3000; i++) {
        random_string(&seed, in, sizeof(in) - 1);
        (void)ob_fail(&err, EIO, "a%s", in);
        assert_true(is_text(err.text, strlen(err.text)));
        ob_error_context(&err, "%s", in);
        assert_true(is_text(err.text, strlen(err.text)));
        json_auto_t *string = ob_json_text(in);
        assert_true(json_is_string(string));
        assert_true(is_text(json_string_value(string), json_string_length(string)));
        size_t len = random_bytes(&seed, in, sizeof(in) - 1);
        json_auto_t *more = ob_json_textn(in, len);
        assert_true(is_text(json_string_value(more), json_string_length(more)));
        char *dumped = json_dumps(more, JSON_ENCODE_ANY);
        assert_non_null(dumped);
        free(dumped);
    }
    json_auto_t *nothing = ob_json_text(NULL);
    assert_true(json_is_null(nothing));
}

static void numbers_are_written_as_printf_writes_them(void **state)
{
    static const int64_t numbers[] = { 0, 7, -1, 10, 1234567890123, INT64_MAX, INT64_MIN };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        char text[OB_NUMBER_MAX + 1], as[32];
        *ob_text_number(text, numbers[i]) = '\0';
        (void)snprintf(as, sizeof(as), "%lld", (long long)numbers[i]);
        assert_string_equal(text, as);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_printf_writes_them),
        cmocka_unit_test(a_cut_falls_between_characters),
        cmocka_unit_test(what_is_no_character_is_replaced),
        cmocka_unit_test(a_format_may_read_what_it_writes),
        cmocka_unit_test(an_error_is_text_whatever_it_is_made_of),
        cmocka_unit_test(random_bytes_become_text),
        cmocka_unit_test(random_strings_become_errors_and_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
