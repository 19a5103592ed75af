/* Holds a request's body against its table of members: types, limits, allowed values, and what
 * OpenBatch does not act on yet. Owns the wording of those refusals; knows no operation. Pure: any
 * thread. Invariant: what passes has the types that the table says, and holds no null member of the
 * table. */
#include "fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH_SIZE 200
#define DEPTH_MAX 8

typedef struct check {
    const char *request_id;
    api_reply *rep;
} check;

#define REFUSE(c, ...)                                                                             \
    field_refuse(&(const api_field_where){ NULL, (c)->request_id, (c)->rep }, __VA_ARGS__)

int field_refuse(const api_field_where *where, const char *fmt, ...)
{
    char text[7900];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return where->request_id ? api_client_error_long(where->rep, where->request_id, "%s", text)
                             : api_client_error(where->rep, "%s", text);
}

static int
check_object(const check *c, const api_field *fields, json_t *object, const char *path, int depth);

bool json_is_nothing(const json_t *value)
{
    if (!value)
        return true;
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_TRUE:
        return false;
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_REAL:
        return fpclassify(json_real_value(value)) == FP_ZERO;
    }
    return false;
}

static bool has_limits(const api_field *f)
{
    return f->min || f->max;
}

static size_t characters(const json_t *string)
{
    size_t n = 0;
    for (const char *at = json_string_value(string); *at; at++)
        n += ((unsigned char)*at & 0xC0) != 0x80;
    return n;
}

/* Is 'value' among "a|b|c"? *ret is the choice's own spelling. */
static bool among(const char *choices, const char *value, bool any_case, char *ret, size_t size)
{
    size_t value_len = strlen(value);
    for (const char *at = choices; at;) {
        size_t len = strcspn(at, "|");
        if (len == value_len &&
            (any_case ? strncasecmp(at, value, len) == 0 : strncmp(at, value, len) == 0)) {
            (void)snprintf(ret, size, "%.*s", (int)len, at);
            return true;
        }
        at = at[len] ? at + len + 1 : NULL;
    }
    return false;
}

static void with_commas(const char *choices, char *out, size_t size)
{
    size_t n = 0;
    for (const char *at = choices; *at && n + 3 < size; at++) {
        if (*at == '|') {
            out[n++] = ',';
            out[n++] = ' ';
        } else {
            out[n++] = *at;
        }
    }
    out[n] = '\0';
}

static int check_choice(const check *c, const api_field *f, json_t *value, const char *path)
{
    char spelling[80], list[400];
    const char *text = json_string_value(value);
    if (among(f->choice, text, f->flags & FIELD_ANY_CASE, spelling, sizeof spelling)) {
        if (strcmp(spelling, text) != 0)
            (void)json_string_set(value, spelling);
        return 0;
    }
    if (f->refused_choice &&
        among(f->refused_choice, text, f->flags & FIELD_ANY_CASE, spelling, sizeof spelling))
        return REFUSE(c, "%s %s is not supported by OpenBatch yet.", path, spelling);
    with_commas(f->choice, list, sizeof list);
    return REFUSE(c, "%s %.100s is not valid. It must be one of [%s].", path, text, list);
}

static int check_string(const check *c, const api_field *f, json_t *value, const char *path)
{
    if (!json_is_string(value))
        return REFUSE(c, "%s must be a string.", path);
    if (f->choice)
        return check_choice(c, f, value, path);
    size_t n = characters(value);
    if (f->max && n > (size_t)f->max)
        return REFUSE(c, "%s must have length less than or equal to %lld.", path,
                      (long long)f->max);
    if (n < (size_t)f->min)
        return REFUSE(c, "%s must have length greater than or equal to %lld.", path,
                      (long long)f->min);
    return 0;
}

static int check_number(const check *c, const api_field *f, const json_t *value, const char *path)
{
    if (f->kind == KIND_INT && !json_is_integer(value))
        return REFUSE(c, "%s must be a whole number.", path);
    if (!json_is_number(value))
        return REFUSE(c, "%s must be a number.", path);
    int64_t min = has_limits(f) ? f->min : INT32_MIN, max = has_limits(f) ? f->max : INT32_MAX;
    double number = json_number_value(value);
    if (number < (double)min || number > (double)max)
        return REFUSE(c, "%s must be between %lld and %lld.", path, (long long)min, (long long)max);
    if (f->refused_above && number > (double)f->refused_above)
        return REFUSE(c, "%s greater than %lld is not supported by OpenBatch yet.", path,
                      (long long)f->refused_above);
    return 0;
}

static int check_map(const check *c, const api_field *f, json_t *value, const char *path)
{
    bool tags = f->flags & FIELD_TAGS;
    if (!json_is_object(value))
        return REFUSE(c, "%s must be a map of strings.", path);
    size_t max = tags ? 50 : (size_t)f->max;
    if (max && json_object_size(value) > max)
        return REFUSE(c, "%s: Member must have length less than or equal to %zu", path, max);
    if (json_object_size(value) < (size_t)f->min)
        return REFUSE(c, "%s must have at least %lld entries.", path, (long long)f->min);
    const char *name;
    json_t *entry;
    json_object_foreach(value, name, entry)
    {
        if (!json_is_string(entry))
            return REFUSE(c, "%s.%.100s must be a string.", path, name);
        if (!tags)
            continue;
        json_auto_t *key = json_string(name);
        if (characters(key) < 1 || characters(key) > 128)
            return REFUSE(c, "%s: a key must have 1 to 128 characters.", path);
        if (characters(entry) > 256)
            return REFUSE(c, "%s.%.100s must have length less than or equal to 256.", path, name);
        if (strncasecmp(name, "aws:", 4) == 0)
            return REFUSE(c, "%s.%.100s: keys that begin with aws: are reserved.", path, name);
    }
    return 0;
}

static int
check_value(const check *c, const api_field *f, json_t *value, const char *path, int depth);

static int
check_list(const check *c, const api_field *f, json_t *value, const char *path, int depth)
{
    if (!json_is_array(value))
        return REFUSE(c, "%s must be a list.", path);
    size_t n = json_array_size(value);
    if (f->max && n > (size_t)f->max)
        return REFUSE(c, "%s may have at most %lld entries.", path, (long long)f->max);
    if (n < (size_t)f->min)
        return REFUSE(c, "%s must have at least %lld entries.", path, (long long)f->min);
    const api_field item = { .name = f->name,
                             .kind = f->item,
                             .flags = f->flags & FIELD_ANY_CASE,
                             .choice = f->choice,
                             .refused_choice = f->refused_choice,
                             .of = f->of };
    for (size_t i = 0; i < n; i++) {
        char entry_path[PATH_SIZE];
        (void)snprintf(entry_path, sizeof entry_path, "%s[%zu]", path, i);
        int r = check_value(c, &item, json_array_get(value, i), entry_path, depth);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
check_value(const check *c, const api_field *f, json_t *value, const char *path, int depth)
{
    switch (f->kind) {
    case KIND_STRING:
        return check_string(c, f, value, path);
    case KIND_INT:
    case KIND_NUMBER:
        return check_number(c, f, value, path);
    case KIND_BOOL:
        return json_is_boolean(value) ? 0 : REFUSE(c, "%s must be true or false.", path);
    case KIND_MAP:
        return check_map(c, f, value, path);
    case KIND_LIST:
        return check_list(c, f, value, path, depth);
    case KIND_OBJECT:
        if (!json_is_object(value))
            return REFUSE(c, "%s must be an object.", path);
        return f->of ? check_object(c, f->of, value, path, depth + 1) : 0;
    }
    return 0;
}

static int
check_object(const check *c, const api_field *fields, json_t *object, const char *path, int depth)
{
    if (depth > DEPTH_MAX)
        return REFUSE(c, "%s is nested too deeply.", path);
    for (const api_field *f = fields; f->name; f++) {
        char member[PATH_SIZE];
        (void)snprintf(member, sizeof member, "%s%s%s", path, *path ? "." : "", f->name);
        json_t *value = json_object_get(object, f->name);
        if (json_is_null(value)) {
            (void)json_object_del(object, f->name);
            value = NULL;
        }
        if (!value || (json_is_string(value) && json_string_length(value) == 0)) {
            if (f->flags & FIELD_REQUIRED)
                return f->text ? REFUSE(c, "%s", f->text) : REFUSE(c, "%s is required.", member);
            if (!value || !f->min)
                continue;
        }
        if (f->support == REFUSED) {
            if (!json_is_nothing(value))
                return f->text ? REFUSE(c, "%s", f->text)
                               : REFUSE(c, "%s is not supported by OpenBatch yet.", member);
            continue;
        }
        int r = check_value(c, f, value, member, depth);
        if (r == 0 && f->check)
            r = f->check(value, &(const api_field_where){ member, c->request_id, c->rep });
        if (r < 0)
            return r;
    }
    return 0;
}

int fields_check(const api_field *fields, json_t *body, const char *request_id, api_reply *rep)
{
    const check c = { request_id, rep };
    return check_object(&c, fields, body, "", 0);
}

json_t *fields_copy(const api_field *fields, const json_t *object)
{
    json_t *out = json_object();
    for (const api_field *f = fields; f->name; f++) {
        const json_t *value = json_object_get(object, f->name);
        if (!value || f->support == REFUSED)
            continue;
        json_t *copy;
        if (f->kind == KIND_OBJECT && f->of) {
            copy = fields_copy(f->of, value);
        } else if (f->kind == KIND_LIST && f->of) {
            copy = json_array();
            for (size_t i = 0; i < json_array_size(value); i++)
                (void)json_array_append_new(copy, fields_copy(f->of, json_array_get(value, i)));
        } else {
            copy = json_deep_copy(value);
        }
        (void)json_object_set_new(out, f->name, copy);
    }
    return out;
}

const api_field *fields_of(const api_field *fields, const char *name)
{
    for (const api_field *f = fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f->of;
    return NULL;
}
