/* JSON in tests, written with ' for ". */
#pragma once

#include "unit.h"

#include "ob/json.h"

/* A value; new. */
static inline json_t *parse(const char *text)
{
    ob_error err = { 0 };
    json_t *value = NULL;
    ob_cleanup(ob_freep) char *real = ob_strdup(text);
    for (char *p = real; *p; p++)
        if (*p == '\'')
            *p = '"';
    if (ob_json_parse(real, strlen(real), &value, &err) < 0)
        fail_msg("%s: %s", err.text, real);
    return value;
}

/* Fails unless the value (NULL: null) is what is expected. */
static inline void assert_json(const json_t *value, const char *expected_text)
{
    json_auto_t *both = json_pack("{s:O}", "is", value ? value : json_null());
    ob_cleanup(ob_freep) char *wrapped = ob_strf("{'is': %s}", expected_text);
    json_auto_t *expected = parse(wrapped);
    if (!json_equal(both, expected)) {
        char *text = json_dumps(both, JSON_SORT_KEYS);
        fail_msg("is %s, not %s", text, expected_text);
    }
}
