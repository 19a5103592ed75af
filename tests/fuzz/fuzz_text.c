/* Bytes from outside that become valid text, whole or cut, and JSON strings.
 * Covers: shared/src/text.c shared/src/buf.c */
#include "fuzz.h"

#include "ob/buf.h"
#include "ob/json.h"
#include "ob/text.h"

/* Cut to any size it is valid text, and what is valid already stays. */
static void check_copy(const char *text, size_t len, size_t room)
{
    ob_cleanup(ob_freep) char *cut = ob_calloc(1, room), *again = ob_calloc(1, room);
    size_t n = ob_text_copy(cut, room, text, len);
    FUZZ_CHECK(n < room && strlen(cut) == n && ob_text_is_utf8(cut, n));
    if (len < room && ob_text_is_utf8(text, len))
        FUZZ_CHECK(n == len && memcmp(cut, text, n) == 0);
    FUZZ_CHECK(ob_text_copy(again, room, cut, n) == n && memcmp(again, cut, n) == 0);
}

/* As a C string it is at most its first 'max' bytes. */
static void check_dup(const char *text, size_t max)
{
    ob_cleanup(ob_freep) char *dup = ob_text_dup(text, max);
    FUZZ_CHECK(strlen(dup) <= max && ob_text_is_utf8(dup, strlen(dup)));
    char into[40], formatted[40];
    (void)ob_text_into(into, sizeof(into), text);
    ob_text_format(formatted, sizeof(formatted), "%s", text);
    FUZZ_CHECK(strcmp(into, formatted) == 0);
    ob_text_format(into, sizeof(into), "%s: %s", "why", into);
    FUZZ_CHECK(ob_text_is_utf8(into, strlen(into)));
}

/* As a JSON string it reads the same, whichever of our writers wrote it. */
static void check_json(const char *text, size_t len)
{
    json_auto_t *string = ob_json_textn(text, len);
    const char *valid = json_string_value(string);
    FUZZ_CHECK(ob_text_is_utf8(valid, json_string_length(string)));
    ob_buf buf = { 0 };
    ob_buf_str(&buf, "[");
    ob_buf_json(&buf, valid);
    ob_buf_addf(&buf, "%s", "]");
    json_auto_t *list = ob_json_read(buf.at, buf.len);
    FUZZ_CHECK(json_equal(json_array_get(list, 0), string));
    ob_buf_clear(&buf);
    ob_buf_addf(&buf, "%s", valid);
    FUZZ_CHECK(buf.len == json_string_length(string) && strcmp(buf.at, valid) == 0);
    ob_buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len, room = 1u + fuzz_byte(&in);
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, &len);
    check_copy(text, len, room);
    check_copy(text, len, 3 * len + 1);
    check_dup(text, room - 1);
    check_json(text, len);
    return 0;
}
