/* Decodes JSON objects by table, and parses with limits. Values decoded borrow from the object. Any
 * thread. */
#include "ob/json_fields.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* jansson's own limit is 2048 levels; nothing we exchange is nearly as deep, and its dump and free
 * recurse. */
#define MAX_DEPTH 64

static const char *kind_name(ob_json_kind kind)
{
    switch (kind) {
    case OB_JSON_STRING:
        return "a string";
    case OB_JSON_INT:
        return "an integer";
    case OB_JSON_BOOL:
        return "true or false";
    case OB_JSON_ARRAY:
        return "a list";
    case OB_JSON_OBJECT:
        return "an object";
    case OB_JSON_STRINGS:
        return "a list of strings";
    case OB_JSON_MAP:
        return "an object whose values are strings";
    }
    return "something else";
}

static bool all_strings(const json_t *value)
{
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item))
            return false;
    }
    return true;
}

static bool all_values_strings(const json_t *value)
{
    const char *key;
    json_t *item;
    /* jansson's iteration wants a non-const object but changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (!json_is_string(item))
            return false;
    }
    return true;
}

/* Stores 'value' at 'at'; false when it is of another kind. */
static bool store(json_t *value, ob_json_kind kind, void *at)
{
    switch (kind) {
    case OB_JSON_STRING:
        if (!json_is_string(value))
            return false;
        *(const char **)at = json_string_value(value);
        return true;
    case OB_JSON_INT:
        if (!json_is_integer(value))
            return false;
        *(int64_t *)at = json_integer_value(value);
        return true;
    case OB_JSON_BOOL:
        if (!json_is_boolean(value))
            return false;
        *(bool *)at = json_is_true(value);
        return true;
    case OB_JSON_ARRAY:
    case OB_JSON_STRINGS:
        if (!json_is_array(value) || (kind == OB_JSON_STRINGS && !all_strings(value)))
            return false;
        *(json_t **)at = value;
        return true;
    case OB_JSON_OBJECT:
    case OB_JSON_MAP:
        if (!json_is_object(value) || (kind == OB_JSON_MAP && !all_values_strings(value)))
            return false;
        *(json_t **)at = value;
        return true;
    }
    return false;
}

int ob_json_decode(const json_t *obj, const ob_json_field *fields, void *out, ob_error *err)
{
    if (!json_is_object(obj))
        return ob_fail(err, EINVAL, "an object is expected");
    for (const ob_json_field *f = fields; f->name; f++) {
        json_t *value = json_object_get(obj, f->name);
        if (!value || json_is_null(value)) {
            if (f->required)
                return ob_fail(err, EINVAL, "%s is required", f->name);
            continue;
        }
        if (!store(value, f->kind, (char *)out + f->offset))
            return ob_fail(err, EINVAL, "%s must be %s", f->name, kind_name(f->kind));
        if (f->set_offset)
            *(bool *)((char *)out + f->set_offset) = true;
    }
    return 0;
}

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
