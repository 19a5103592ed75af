/* See body.h. */
#include "body.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

#define DEPTH_MAX 6

static uint64_t state;

static size_t pick(size_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(state >> 33) % n;
}

static json_t *any_value(const api_field *f, bool item, int depth);

/* Required members, and others now and then. */
static json_t *any_object(const api_field *fields, int depth)
{
    json_t *object = json_object();
    for (const api_field *f = fields; f && f->name; f++)
        if (f->flags & FIELD_REQUIRED || (depth < DEPTH_MAX && pick(6) == 0))
            (void)json_object_set_new(object, f->name, any_value(f, false, depth + 1));
    return object;
}

static json_t *any_choice(const char *choices)
{
    size_t n = 1;
    for (const char *at = choices; *at; at++)
        n += *at == '|';
    const char *at = choices;
    for (size_t skip = pick(n); skip > 0; skip--)
        at += strcspn(at, "|") + 1;
    return json_stringn(at, strcspn(at, "|"));
}

static json_t *any_string(const api_field *f)
{
    static const char *const texts[] = {
        "a",
        "",
        "1",
        "0.25",
        "4096",
        "Ref::a",
        "-1",
        "VCPU",
        "MEMORY",
        "/a",
        "*a*",
        "a:7",
        "1e9",
        "\xc3\xa9",
        "a=b",
        "2147483647",
        "9223372036854775807",
        "arn:aws:batch:us-east-1:123456789012:job-queue/q",
        "arn:aws:batch:us-east-1:123456789012:job-definition/d:1",
        "018f0000-0000-7000-8000-00000000000a",
        "018f0000-0000-7000-8000-00000000000a:0",
        "awslogs",
        "optimal",
        "m5.large",
        "subnet-1",
    };
    if (f->choice && pick(8) > 0)
        return any_choice(f->choice);
    if (pick(12) > 0)
        return json_string(texts[pick(ARRAY_SIZE(texts))]);
    size_t len = f->max > 0 && f->max < 2000 ? (size_t)f->max + pick(3) : pick(300);
    ob_cleanup(ob_freep) char *text = ob_calloc(1, len + 1);
    memset(text, 'a', len);
    return json_string(text);
}

static json_t *any_number(const api_field *f)
{
    const int64_t numbers[] = { f->min,    f->max,    f->min - 1, f->max + 1, 0,         1,
                                2,         4,         64,         256,        INT32_MAX, INT64_MAX,
                                INT32_MIN, INT64_MIN, -1,         1000 };
    if (f->kind == KIND_NUMBER && pick(2) == 0)
        return json_real((double)pick(1000) / 8 - 3);
    return json_integer(numbers[pick(ARRAY_SIZE(numbers))]);
}

static json_t *any_list(const api_field *f, int depth)
{
    json_t *list = json_array();
    for (size_t n = pick(3) + (size_t)(f->min > 0 && f->min < 4 ? f->min : 0); n > 0; n--)
        (void)json_array_append_new(list, any_value(f, true, depth));
    return list;
}

static json_t *any_map(void)
{
    json_t *map = json_object();
    for (size_t n = pick(3); n > 0; n--) {
        static const char *const names[] = { "a", "b", "awslogs-group", "awslogs-stream-prefix" };
        (void)json_object_set_new(map, names[pick(ARRAY_SIZE(names))], json_string("a"));
    }
    return map;
}

static json_t *any_value(const api_field *f, bool item, int depth)
{
    if (pick(24) == 0) /* of another kind */
        return pick(2) ? json_null() : json_integer(-1);
    switch (item ? f->item : f->kind) {
    case KIND_STRING:
        return any_string(f);
    case KIND_INT:
    case KIND_NUMBER:
        return any_number(f);
    case KIND_BOOL:
        return json_boolean(pick(2));
    case KIND_OBJECT:
        return any_object(f->of, depth);
    case KIND_LIST:
        return any_list(f, depth);
    case KIND_MAP:
        return any_map();
    }
    return json_null();
}

/* Into an entry or a member that is there, or a new value. */
static void change(const api_field *fields, json_t *object, int depth)
{
    size_t n = 0;
    while (fields && fields[n].name)
        n++;
    if (n == 0 || depth > DEPTH_MAX)
        return;
    const api_field *f = &fields[pick(n)];
    json_t *value = json_object_get(object, f->name);
    json_t *entry =
        json_array_size(value) ? json_array_get(value, pick(json_array_size(value))) : value;
    if (f->of && json_is_object(entry) && pick(4) > 0)
        change(f->of, entry, depth + 1);
    else if (json_is_array(value) && pick(2))
        (void)json_array_append_new(value, any_value(f, true, depth));
    else if (value && pick(3) == 0)
        (void)json_object_del(object, f->name);
    else
        (void)json_object_set_new(object, f->name, any_value(f, false, depth));
}

void body_mutate(const api_field *fields, json_t *body, unsigned seed)
{
    state = seed;
    for (size_t n = 1 + pick(3); n > 0; n--)
        change(fields, body, 0);
}
