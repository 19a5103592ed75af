/* The simulation's reader of JSON accepts what jansson accepts, and reads it alike: texts, and
 * texts with bytes changed, taken out and put in. */
#include "unit.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *(*jansson)(const char *, size_t, size_t, json_error_t *);

static void reads_alike(const char *text, size_t len)
{
    json_error_t one, other;
    json_t *has = json_loadb(text, len, 0, &one), *is = jansson(text, len, 0, &other);
    if (!has != !is || (is && !json_equal(has, is)))
        fail_msg("read in another way: %.*s", (int)len, text);
    if (!is)
        assert_string_equal(one.text, other.text);
    json_decref(has);
    json_decref(is);
}

static const char *const texts[] = {
    "{}",
    "[]",
    "",
    " ",
    "7",
    "\"text\"",
    " { \"a\" : [ 1 , -2 , 0 , -0 ] ,\t\"b\" :\r\n{ } } ",
    "{\"v\":1,\"type\":\"report\",\"epoch\":0,\"runs\":[{\"run\":\"x/1\",\"exitCode\":-1,"
    "\"oom\":true,\"started\":false,\"reason\":null}]}",
    "{\"a\":1,\"b\":2,\"a\":{\"c\":3}}",
    "[123456789012345678,1234567890123456789,9223372036854775807,9223372036854775808]",
    "[01]",
    "[-01]",
    "[-]",
    "[1.5,2e3,-1E-2]",
    "[\"\\u00e4\\n\\\\\",\"\xc3\xa4\",\"\x7f\"]",
    "[\"\xc3\"]",
    "[\"\\u0000\"]",
    "[truex]",
    "[true false]",
    "[nul]",
    "[1,]",
    "{\"a\":1,}",
    "{\"a\"}",
    "{a:1}",
    "[1]]",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"
    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

static void texts_are_read_as_jansson_reads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        for (size_t len = 0; len <= strlen(texts[i]); len++)
            reads_alike(texts[i], len);
}

static void texts_that_are_changed_are_read_alike(void **state)
{
    static const char bytes[] = "{}[]\",:\\ -01e.tfnu\n\x01\xc3\xa4";
    (void)state;
    srandom(1);
    for (int i = 0; i < 200000; i++) {
        char text[256] = { 0 };
        size_t len = strlen(strncpy(text, texts[(size_t)random() % ARRAY_SIZE(texts)], 200));
        for (int changes = (int)(random() % 3); len > 0 && changes >= 0; changes--) {
            size_t at = (size_t)random() % len;
            if (random() % 3 > 0) {
                text[at] = bytes[(size_t)random() % (sizeof(bytes) - 1)];
            } else {
                memmove(&text[at], &text[at + 1], len - at);
                len--;
            }
        }
        reads_alike(text, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_jansson_reads_them),
        cmocka_unit_test(texts_that_are_changed_are_read_alike),
    };
    jansson =
        (json_t * (*)(const char *, size_t, size_t, json_error_t *)) dlsym(RTLD_NEXT, "json_loadb");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
