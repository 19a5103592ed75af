/* Parameters: what ob/db.h's ob_params hold (texts, and arrays in PostgreSQL's binary format), read
 * into plain arrays. Owns nothing: memory is the store's. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

/* A wrong parameter is a mistake in the program. */
static _Noreturn void die(const char *what, size_t param)
{
    (void)fprintf(stderr, "simulated PostgreSQL: parameter %zu: %s\n", param + 1, what);
    abort();
}

static const char *hex(const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *text = pg_alloc(2 * n + 3);
    text[0] = '\\';
    text[1] = 'x';
    for (size_t i = 0; i < n; i++) {
        text[2 + 2 * i] = digits[bytes[i] >> 4];
        text[3 + 2 * i] = digits[bytes[i] & 15];
    }
    return text;
}

static void make_room(pg_arg *arg, char type, size_t n)
{
    arg->n = n;
    if (type == 'i')
        arg->ints = pg_alloc(n * sizeof(*arg->ints));
    else if (type == 'u')
        arg->uuids = pg_alloc(n * sizeof(*arg->uuids));
    else
        arg->texts = pg_alloc(n * sizeof(*arg->texts));
}

static int64_t read_number(const char *text, size_t param)
{
    char *end;
    if (strcmp(text, "t") == 0 || strcmp(text, "true") == 0)
        return 1;
    if (strcmp(text, "f") == 0 || strcmp(text, "false") == 0)
        return 0;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        die("not a number", param);
    return value;
}

static void read_scalar(pg_arg *arg, char type, const ob_params *p, size_t param)
{
    const char *value = p->values[param];
    make_room(arg, type, 1);
    arg->is_null = !value;
    if (type == 'i')
        arg->ints[0] = value ? read_number(value, param) : PG_NULL;
    else if (type == 't')
        arg->texts[0] = value ? pg_keep(value, strlen(value)) : NULL;
    else if (type == 'b')
        arg->texts[0] = value ? hex((const uint8_t *)value, (size_t)p->lengths[param]) : NULL;
    else if (value && !ob_uuid_parse(value, strlen(value), &arg->uuids[0]))
        die("not a UUID", param);
}

/* ---- Arrays ---- */

static uint32_t take32(const uint8_t **at)
{
    uint32_t v;
    memcpy(&v, *at, sizeof(v));
    *at += sizeof(v);
    return be32toh(v);
}

static int64_t number_of(const uint8_t *at, size_t len, size_t param)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | at[i];
    switch (len) {
    case 2:
        return (int16_t)v;
    case 4:
        return (int32_t)v;
    case 8:
        return (int64_t)v;
    }
    die("not an array of numbers", param);
}

static void read_array(pg_arg *arg, char type, const ob_params *p, size_t param)
{
    const uint8_t *at = (const uint8_t *)p->values[param];
    arg->is_array = true;
    arg->is_null = !at;
    if (!at)
        return;
    if (p->formats[param] != 1)
        die("an array is binary here", param);
    uint32_t dimensions = take32(&at);
    at += 8; /* has NULLs; the element's type */
    uint32_t n = dimensions ? take32(&at) : 0;
    make_room(arg, type, n);
    at += dimensions ? 4 : 0; /* its lower bound */
    for (size_t i = 0; i < n; i++) {
        uint32_t len = take32(&at);
        bool is_null = len == UINT32_MAX;
        if (type == 'i')
            arg->ints[i] = is_null ? PG_NULL : number_of(at, len, param);
        else if (type == 't' && !is_null)
            arg->texts[i] = pg_keep((const char *)at, len);
        else if (type == 'b' && !is_null)
            arg->texts[i] = hex(at, len);
        else if (type == 'u' && !is_null)
            memcpy(arg->uuids[i].b, at, sizeof(arg->uuids[i].b));
        at += is_null ? 0 : len;
    }
}

void pg_args_read(pg_args *args, const char *types, const ob_params *p)
{
    size_t n = p ? (size_t)p->n : 0;
    if (strlen(types) != n)
        die("more or fewer than declared", n);
    args->n = n;
    for (size_t i = 0; i < n; i++) {
        args->at[i] = (pg_arg){ 0 };
        if (types[i] >= 'A' && types[i] <= 'Z')
            read_array(&args->at[i], (char)(types[i] - 'A' + 'a'), p, i);
        else
            read_scalar(&args->at[i], types[i], p, i);
    }
}

/* ---- For statements ---- */

size_t pg_arg_rows(const pg_run *run)
{
    size_t n = 0;
    for (size_t i = 0; i < run->args->n; i++)
        if (run->args->at[i].is_array && run->args->at[i].n > n)
            n = run->args->at[i].n;
    return n;
}

int64_t pg_int_at(const pg_run *run, size_t param, size_t i)
{
    const pg_arg *arg = &run->args->at[param];
    return i < arg->n ? arg->ints[i] : PG_NULL;
}

int64_t pg_equal_at(const pg_run *run, size_t param, size_t i, int64_t value)
{
    int64_t is = pg_int_at(run, param, i);
    return is == PG_NULL ? PG_NULL : is == value;
}

const char *pg_text_at(const pg_run *run, size_t param, size_t i)
{
    const pg_arg *arg = &run->args->at[param];
    return i < arg->n ? arg->texts[i] : NULL;
}

const ob_uuid *pg_uuid_at(const pg_run *run, size_t param, size_t i)
{
    static const ob_uuid nil;
    const pg_arg *arg = &run->args->at[param];
    return i < arg->n ? &arg->uuids[i] : &nil;
}

int64_t pg_int(const pg_run *run, size_t param)
{
    return pg_int_at(run, param, 0);
}

const char *pg_text(const pg_run *run, size_t param)
{
    return pg_text_at(run, param, 0);
}

const ob_uuid *pg_uuid(const pg_run *run, size_t param)
{
    return pg_uuid_at(run, param, 0);
}

bool pg_has_int(const pg_run *run, size_t param, int64_t value)
{
    const pg_arg *arg = &run->args->at[param];
    for (size_t i = 0; i < arg->n; i++)
        if (arg->ints[i] == value)
            return true;
    return false;
}

bool pg_has_text(const pg_run *run, size_t param, const char *value)
{
    const pg_arg *arg = &run->args->at[param];
    for (size_t i = 0; i < arg->n; i++)
        if (arg->texts[i] && strcmp(arg->texts[i], value) == 0)
            return true;
    return false;
}

static int cmp_uuids(const void *a, const void *b)
{
    return ob_uuid_cmp(a, b);
}

ob_uuid *pg_uuids_sorted(const pg_arg *ids)
{
    ob_uuid *sorted = pg_alloc((ids->n + 1) * sizeof(*sorted));
    if (ids->n > 0)
        memcpy(sorted, ids->uuids, ids->n * sizeof(*sorted));
    qsort(sorted, ids->n, sizeof(*sorted), cmp_uuids);
    return sorted;
}
