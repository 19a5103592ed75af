/* Checks a request's body with its table of members: types, limits, allowed values, and members
 * that OpenBatch does not support yet. Owns the texts of those refusals; depends on no operation.
 * Pure: any thread. Invariant: a body that passes has the types of the table and no null member of
 * the table. */
#include "fields.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

#define PATH_SIZE 256
#define DEPTH_MAX 8

/* One path for all depths: workers' stacks are small. */
typedef struct check {
    const char *request_id;
    api_reply *rep;
    char path[PATH_SIZE]; /* "containerProperties.resourceRequirements[0]"; cut when too long */
    size_t len;
} check;

/* Appends to the path. Returns its length before, for path_pop. */
__attribute__((format(printf, 2, 3))) static size_t path_push(check *c, const char *fmt, ...)
{
    size_t before = c->len;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(c->path + before, PATH_SIZE - before, fmt, args);
    va_end(args);
    c->len = n < 0 ? before : before + (size_t)n < PATH_SIZE ? before + (size_t)n : PATH_SIZE - 1;
    return before;
}

static void path_pop(check *c, size_t before)
{
    c->len = before;
    c->path[before] = '\0';
}

#define REFUSE(c, ...)                                                                             \
    field_refuse(&(const api_field_where){ NULL, (c)->request_id, (c)->rep }, __VA_ARGS__)

int field_refuse(const api_field_where *where, const char *fmt, ...)
{
    ob_cleanup(ob_freep) char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    return where->request_id ? api_client_error_long(where->rep, where->request_id, "%s", text)
                             : api_client_error(where->rep, "%s", text);
}

static int check_object(check *c, const api_field *fields, json_t *object, int depth);

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

static int check_choice(check *c, const api_field *f, json_t *value)
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
        return REFUSE(c, "%s %s is not supported by OpenBatch yet.", c->path, spelling);
    with_commas(f->choice, list, sizeof list);
    return REFUSE(c, "%s %.100s is not valid. It must be one of [%s].", c->path, text, list);
}

static int check_string(check *c, const api_field *f, json_t *value)
{
    if (!json_is_string(value))
        return REFUSE(c, "%s must be a string.", c->path);
    if (f->choice)
        return check_choice(c, f, value);
    size_t n = characters(value);
    if (f->max && n > (size_t)f->max)
        return REFUSE(c, "%s must have length less than or equal to %lld.", c->path,
                      (long long)f->max);
    if (n < (size_t)f->min)
        return REFUSE(c, "%s must have length greater than or equal to %lld.", c->path,
                      (long long)f->min);
    return 0;
}

static int check_number(check *c, const api_field *f, const json_t *value)
{
    if (f->kind == KIND_INT && !json_is_integer(value))
        return REFUSE(c, "%s must be a whole number.", c->path);
    if (!json_is_number(value))
        return REFUSE(c, "%s must be a number.", c->path);
    int64_t min = has_limits(f) ? f->min : INT32_MIN, max = has_limits(f) ? f->max : INT32_MAX;
    double number = json_number_value(value);
    if (number < (double)min || number > (double)max)
        return REFUSE(c, "%s must be between %lld and %lld.", c->path, (long long)min,
                      (long long)max);
    if (f->refused_above && number > (double)f->refused_above)
        return REFUSE(c, "%s greater than %lld is not supported by OpenBatch yet.", c->path,
                      (long long)f->refused_above);
    return 0;
}

static locale_t unicode; /* (locale_t)0: this host has no such locale */

static void load_unicode(void)
{
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* AWS: letters, digits and spaces of any script, and some signs. The C library classifies them. */
static bool is_tag_text(const char *text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load_unicode);
    if (!unicode)
        return true;
    locale_t before = uselocale(unicode);
    mbstate_t state = { 0 };
    bool good = true;
    while (good && *text) {
        wchar_t c = L'\0';
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): only without a state of the caller's */
        size_t n = mbrtowc(&c, text, MB_LEN_MAX, &state);
        good = n <= MB_LEN_MAX && (iswalnum((wint_t)c) || wcschr(L" _.:/=+-@", c) ||
                                   (c >= 0x80 && iswspace((wint_t)c)));
        text += good ? n : 0;
    }
    (void)uselocale(before);
    return good;
}

static int check_tag(check *c, const char *name, const json_t *value)
{
    json_auto_t *key = json_string(name);
    if (characters(key) < 1 || characters(key) > 128)
        return REFUSE(c, "%s: a key must have 1 to 128 characters.", c->path);
    if (characters(value) > 256)
        return REFUSE(c, "%s.%.100s must have length less than or equal to 256.", c->path, name);
    if (strncasecmp(name, "aws:", 4) == 0)
        return REFUSE(c, "%s.%.100s: keys that begin with aws: are reserved.", c->path, name);
    if (!is_tag_text(name) || !is_tag_text(json_string_value(value)))
        return REFUSE(c, "%s.%.100s: tags may contain only letters, digits, spaces and _.:/=+-@.",
                      c->path, name);
    return 0;
}

static const char *entries(int64_t n)
{
    return n == 1 ? "entry" : "entries";
}

static int check_map(check *c, const api_field *f, json_t *value)
{
    bool tags = f->flags & FIELD_TAGS;
    if (!json_is_object(value))
        return REFUSE(c, "%s must be a map of strings.", c->path);
    size_t max = tags ? 50 : (size_t)f->max;
    if (max && json_object_size(value) > max)
        return REFUSE(c, "%s: Member must have length less than or equal to %zu", c->path, max);
    if (json_object_size(value) < (size_t)f->min)
        return REFUSE(c, "%s must have at least %lld %s.", c->path, (long long)f->min,
                      entries(f->min));
    const char *name;
    json_t *entry;
    json_object_foreach(value, name, entry)
    {
        if (!json_is_string(entry))
            return REFUSE(c, "%s.%.100s must be a string.", c->path, name);
        int r = tags ? check_tag(c, name, entry) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_value(check *c, const api_field *f, json_t *value, int depth);

static int check_list(check *c, const api_field *f, json_t *value, int depth)
{
    if (!json_is_array(value))
        return REFUSE(c, "%s must be a list.", c->path);
    size_t n = json_array_size(value);
    if (f->max && n > (size_t)f->max)
        return REFUSE(c, "%s may have at most %lld %s.", c->path, (long long)f->max,
                      entries(f->max));
    if (n < (size_t)f->min)
        return REFUSE(c, "%s must have at least %lld %s.", c->path, (long long)f->min,
                      entries(f->min));
    const api_field item = { .name = f->name,
                             .kind = f->item,
                             .flags = f->flags & FIELD_ANY_CASE,
                             .choice = f->choice,
                             .refused_choice = f->refused_choice,
                             .of = f->of };
    for (size_t i = 0; i < n; i++) {
        size_t before = path_push(c, "[%zu]", i);
        int r = check_value(c, &item, json_array_get(value, i), depth);
        path_pop(c, before);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_value(check *c, const api_field *f, json_t *value, int depth)
{
    switch (f->kind) {
    case KIND_STRING:
        return check_string(c, f, value);
    case KIND_INT:
    case KIND_NUMBER:
        return check_number(c, f, value);
    case KIND_BOOL:
        return json_is_boolean(value) ? 0 : REFUSE(c, "%s must be true or false.", c->path);
    case KIND_MAP:
        return check_map(c, f, value);
    case KIND_LIST:
        return check_list(c, f, value, depth);
    case KIND_OBJECT:
        if (!json_is_object(value))
            return REFUSE(c, "%s must be an object.", c->path);
        return f->of ? check_object(c, f->of, value, depth + 1) : 0;
    }
    return 0;
}

/* value: NULL if it is absent. */
static int check_member(check *c, const api_field *f, json_t *value, int depth)
{
    bool empty = json_is_string(value) && json_string_length(value) == 0;
    if ((!value || empty) && f->flags & FIELD_REQUIRED)
        return f->text ? REFUSE(c, "%s", f->text) : REFUSE(c, "%s is required.", c->path);
    if (empty && !f->min)
        return 0;
    if (f->support == REFUSED) {
        if (json_is_nothing(value))
            return 0;
        return f->text ? REFUSE(c, "%s", f->text)
                       : REFUSE(c, "%s is not supported by OpenBatch yet.", c->path);
    }
    int r = check_value(c, f, value, depth);
    if (r == 0 && f->check)
        r = f->check(value, &(const api_field_where){ c->path, c->request_id, c->rep });
    return r;
}

/* So that unchecked members are never stored. */
static void drop_unknown(const api_field *fields, json_t *object)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, name, value)
    {
        const api_field *f = fields;
        while (f->name && strcmp(f->name, name) != 0)
            f++;
        if (!f->name)
            (void)json_object_del(object, name);
    }
}

static int check_object(check *c, const api_field *fields, json_t *object, int depth)
{
    size_t known = 0;
    if (depth > DEPTH_MAX)
        return REFUSE(c, "%s is nested too deeply.", c->path);
    for (const api_field *f = fields; f->name; f++) {
        json_t *value = json_object_get(object, f->name);
        if (json_is_null(value)) {
            (void)json_object_del(object, f->name);
            value = NULL;
        }
        known += value != NULL;
        if (!value && !(f->flags & FIELD_REQUIRED))
            continue;
        size_t before = path_push(c, "%s%s", c->len ? "." : "", f->name);
        int r = check_member(c, f, value, depth);
        path_pop(c, before);
        if (r < 0)
            return r;
    }
    if (json_object_size(object) > known)
        drop_unknown(fields, object);
    return 0;
}

int fields_check(const api_field *fields, json_t *body, const char *request_id, api_reply *rep)
{
    check c = { .request_id = request_id, .rep = rep };
    return check_object(&c, fields, body, 0);
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
