/* Parses JSON from outside, with limits. Any thread. */
#include "ob/json.h"

#include <stdint.h>
#include <string.h>

/* jansson's own limit is 2048 levels; nothing we exchange is nearly as deep, and its dump and free
 * recurse. */
#define MAX_DEPTH 64

/* Is the text nested deeper than MAX_DEPTH? Brackets inside strings do not count. */
static bool too_deep(const char *data, size_t len)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

int ob_json_parse(const char *data, size_t len, json_t **ret, ob_error *err)
{
    /* Before jansson: a deep text is refused without building it. */
    if (too_deep(data, len))
        return ob_fail(err, EINVAL, "JSON is nested deeper than %d levels", MAX_DEPTH);
    json_error_t jerr;
    json_t *value = json_loadb(data, len, 0, &jerr);
    if (!value)
        return ob_fail(err, EINVAL, "not JSON: %s (line %d, column %d)", jerr.text, jerr.line,
                       jerr.column);
    *ret = value;
    return 0;
}
