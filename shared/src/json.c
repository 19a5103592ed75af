/* Parses JSON with limits, makes strings from outside data, and writes. Any thread. */
#include "ob/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ob/text.h"

/* jansson's own limit is 2048 levels, which is more than the stacks of our threads allow: it
 * parses, dumps and frees by recursion. Our data are not nearly as deep. */
#define MAX_DEPTH 64

typedef struct extent {
    int depth;
    size_t values; /* entries of lists and members of objects; lists and objects once more */
} extent;

/* Where the string ends whose first character is at 'i': its quotation mark, or beyond the end. */
static size_t string_end(const char *data, size_t len, size_t i)
{
    while (i < len && data[i] != '"')
        i += data[i] == '\\' ? 2 : 1;
    return i;
}

/* The size of what parsing would build, counted by the text's punctuation. Brackets inside strings
 * do not count. */
static extent measure(const char *data, size_t len)
{
    extent e = { 0 };
    int depth = 0;
    for (size_t i = 0; i < len && e.depth <= MAX_DEPTH; i++) {
        char c = data[i];
        if (c == '"') {
            i = string_end(data, len, i + 1);
        } else if (c == '{' || c == '[') {
            e.values++;
            if (++depth > e.depth)
                e.depth = depth;
        } else if (c == ',') {
            e.values++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return e;
}

size_t ob_json_values(const char *data, size_t len)
{
    return measure(data, len).values;
}

/* jansson's own texts, except those for programmers. */
static const char *reason(const json_error_t *jerr)
{
    enum json_error_code code = json_error_code(jerr);
    return code == json_error_null_character || code == json_error_null_byte_in_key
               ? "a text must not contain the character \\u0000"
               : jerr->text;
}

int ob_json_parse_as(const char *data, size_t len, unsigned flags, json_t **ret, ob_error *err)
{
    /* Checked before jansson, so that refused text is not built. */
    extent e = measure(data, len);
    if (e.depth > MAX_DEPTH)
        return ob_fail(err, EINVAL, "JSON is nested deeper than %d levels", MAX_DEPTH);
    if (flags & OB_JSON_BRIEF && e.values > OB_JSON_FEW)
        return ob_fail(err, EINVAL, "JSON of more than %d values", OB_JSON_FEW);
    json_error_t jerr;
    size_t how = (flags & OB_JSON_UNIQUE ? JSON_REJECT_DUPLICATES : 0) |
                 (flags & OB_JSON_NUL ? JSON_ALLOW_NUL : 0);
    json_t *value = json_loadb(data, len, how, &jerr);
    if (!value)
        return ob_fail(err, EINVAL, "not valid JSON: %s (line %d, column %d)", reason(&jerr),
                       jerr.line, jerr.column);
    *ret = value;
    return 0;
}

int ob_json_parse(const char *data, size_t len, json_t **ret, ob_error *err)
{
    return ob_json_parse_as(data, len, 0, ret, err);
}

json_t *ob_json_read(const char *data, size_t len)
{
    json_t *value = NULL;
    return data && ob_json_parse(data, len, &value, NULL) == 0 ? value : NULL;
}

json_t *ob_json_read_text(const char *text)
{
    return text ? ob_json_read(text, strlen(text)) : NULL;
}

json_t *ob_json_textn(const char *data, size_t len)
{
    json_t *string = NULL;
    if (ob_text_is_utf8(data, len)) {
        string = json_stringn_nocheck(data, len);
    } else {
        ob_cleanup(ob_freep) char *text = ob_calloc(3, len + 1); /* U+FFFD has three bytes */
        size_t n = ob_text_copy(text, 3 * (len + 1), data, len);
        string = json_stringn_nocheck(text, n);
    }
    if (!string)
        abort(); /* out of memory */
    return string;
}

json_t *ob_json_text(const char *text)
{
    return text ? ob_json_textn(text, strlen(text)) : json_null();
}

static int add_text(const char *data, size_t len, void *to)
{
    ob_buf_add(to, data, len);
    return 0;
}

void ob_json_write(ob_buf *to, const json_t *value)
{
    if (json_dump_callback(value, add_text, to, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        abort(); /* out of memory: a value that could be built can be written */
}
