/* Parameters and columns. Arrays are sent in PostgreSQL's binary format (array_recv): dimensions, a
 * flag for NULLs, the element type's OID, then for the one dimension its length and lower bound,
 * then each element after its length, all in network order. Owns the copies that a parameter
 * needed, until ob_params_done. */
#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ob/db.h"
#include "ob/hex.h"
#include "ob/text.h"

/* Type OIDs are fixed in PostgreSQL's catalogue (pg_type.dat). */
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_INT2 21
#define OID_INT4 23
#define OID_TEXT 25
#define OID_UUID 2950

static void add(ob_params *p, const void *value, int length, int format, void *owned)
{
    assert(p->n < OB_PARAMS_MAX);
    p->values[p->n] = value;
    p->lengths[p->n] = length;
    p->formats[p->n] = format;
    p->owned[p->n] = owned;
    p->n++;
}

void ob_param_next(const ob_params *p, int position)
{
    assert(p->n == position);
    (void)p;
    (void)position;
}

void ob_params_done(ob_params *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->owned[i]);
    p->n = 0;
}

void ob_param_text(ob_params *p, const char *text)
{
    if (!text || ob_text_is_utf8(text, strlen(text))) {
        add(p, text, 0, 0, NULL);
        return;
    }
    size_t len = strlen(text);
    char *copy = ob_calloc(3, len + 1); /* U+FFFD has three bytes */
    (void)ob_text_copy(copy, 3 * (len + 1), text, len);
    add(p, copy, 0, 0, copy);
}

void ob_param_int(ob_params *p, int64_t value)
{
    char *text = ob_calloc(1, OB_NUMBER_MAX + 1);
    (void)ob_text_number(text, value);
    add(p, text, 0, 0, text);
}

void ob_param_uuid(ob_params *p, const ob_uuid *id)
{
    char *text = ob_calloc(1, OB_UUID_TEXT);
    ob_uuid_format(id, text);
    add(p, text, 0, 0, text);
}

void ob_param_bytes(ob_params *p, const void *data, size_t len)
{
    assert(len <= INT_MAX);
    add(p, data ? data : "", (int)len, 1, NULL);
}

/* A binary array while it is written. */
typedef struct array {
    uint8_t *start;
    uint8_t *at;
    size_t size;
} array;

static void put32(array *a, uint32_t v)
{
    v = htobe32(v);
    memcpy(a->at, &v, sizeof(v));
    a->at += sizeof(v);
}

static array array_begin(uint32_t oid, size_t n, size_t bytes_of_elements, bool has_null)
{
    assert(n <= INT_MAX);
    array a = { .size = 20 + 4 * n + bytes_of_elements };
    assert(a.size <= INT_MAX);
    a.start = a.at = ob_calloc(1, a.size);
    put32(&a, n ? 1 : 0); /* an empty array has no dimensions */
    put32(&a, has_null);
    put32(&a, oid);
    if (n) {
        put32(&a, (uint32_t)n);
        put32(&a, 1);
    }
    return a;
}

static void put(array *a, const void *element, size_t len)
{
    put32(a, (uint32_t)len);
    if (len)
        memcpy(a->at, element, len);
    a->at += len;
}

static void put_null(array *a)
{
    put32(a, UINT32_MAX);
}

static void array_end(ob_params *p, array *a)
{
    assert((size_t)(a->at - a->start) <= a->size);
    add(p, a->start, (int)(a->at - a->start), 1, a->start);
}

void ob_param_uuid_array(ob_params *p, const ob_uuid *ids, size_t n)
{
    array a = array_begin(OID_UUID, n, n * sizeof(*ids), false);
    for (size_t i = 0; i < n; i++)
        put(&a, ids[i].b, sizeof(ids[i].b));
    array_end(p, &a);
}

void ob_param_int16_array(ob_params *p, const int16_t *v, size_t n)
{
    array a = array_begin(OID_INT2, n, n * sizeof(*v), false);
    for (size_t i = 0; i < n; i++) {
        uint16_t x = htobe16((uint16_t)v[i]);
        put(&a, &x, sizeof(x));
    }
    array_end(p, &a);
}

void ob_param_int32_array(ob_params *p, const int32_t *v, size_t n)
{
    bool has_null = false;
    for (size_t i = 0; i < n; i++)
        has_null |= v[i] == INT32_MIN;
    array a = array_begin(OID_INT4, n, n * sizeof(*v), has_null);
    for (size_t i = 0; i < n; i++) {
        uint32_t x = htobe32((uint32_t)v[i]);
        if (v[i] == INT32_MIN)
            put_null(&a);
        else
            put(&a, &x, sizeof(x));
    }
    array_end(p, &a);
}

void ob_param_int64_array(ob_params *p, const int64_t *v, size_t n)
{
    bool has_null = false;
    for (size_t i = 0; i < n; i++)
        has_null |= v[i] == INT64_MIN;
    array a = array_begin(OID_INT8, n, n * sizeof(*v), has_null);
    for (size_t i = 0; i < n; i++) {
        uint64_t x = htobe64((uint64_t)v[i]);
        if (v[i] == INT64_MIN)
            put_null(&a);
        else
            put(&a, &x, sizeof(x));
    }
    array_end(p, &a);
}

/* Bytes that put_text may need besides the length. */
static size_t text_room(const char *text)
{
    size_t len = strlen(text);
    return ob_text_is_utf8(text, len) ? len : 3 * len + 1; /* U+FFFD has three bytes */
}

/* A single text that is not UTF-8 would make the server refuse the whole statement, at each try. */
static void put_text(array *a, const char *text)
{
    size_t len = strlen(text);
    if (ob_text_is_utf8(text, len)) {
        put(a, text, len);
        return;
    }
    char *at = (char *)a->at + sizeof(uint32_t);
    size_t copied = ob_text_copy(at, 3 * len + 1, text, len);
    put32(a, (uint32_t)copied);
    a->at += copied;
}

void ob_param_text_array(ob_params *p, const char *const *v, size_t n)
{
    bool has_null = false;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        has_null |= !v[i];
        bytes += v[i] ? text_room(v[i]) : 0;
    }
    array a = array_begin(OID_TEXT, n, bytes, has_null);
    for (size_t i = 0; i < n; i++) {
        if (v[i])
            put_text(&a, v[i]);
        else
            put_null(&a);
    }
    array_end(p, &a);
}

void ob_param_bytes_array(ob_params *p, const void *const *v, const int *len, size_t n)
{
    bool has_null = false;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        has_null |= !v[i];
        bytes += v[i] ? (size_t)len[i] : 0;
    }
    array a = array_begin(OID_BYTEA, n, bytes, has_null);
    for (size_t i = 0; i < n; i++) {
        if (v[i])
            put(&a, v[i], (size_t)len[i]);
        else
            put_null(&a);
    }
    array_end(p, &a);
}

const char *ob_col(const PGresult *res, int row, int col)
{
    return PQgetisnull(res, row, col) ? NULL : PQgetvalue(res, row, col);
}

int64_t ob_col_int(const PGresult *res, int row, int col, int64_t if_null)
{
    const char *text = ob_col(res, row, col);
    return text ? strtoll(text, NULL, 10) : if_null;
}

bool ob_col_bool(const PGresult *res, int row, int col)
{
    const char *text = ob_col(res, row, col);
    return text && *text == 't';
}

bool ob_col_uuid(const PGresult *res, int row, int col, ob_uuid *ret)
{
    const char *text = ob_col(res, row, col);
    return text && ob_uuid_parse(text, strlen(text), ret);
}

int ob_col_bytes(const PGresult *res, int row, int col, void **ret, size_t *ret_len)
{
    const char *text = ob_col(res, row, col);
    size_t len = text ? strlen(text) : 0;
    if (!text)
        return -ENODATA;
    if (len < 2 || text[0] != '\\' || text[1] != 'x' || len % 2)
        return -EINVAL;
    size_t n = len / 2 - 1;
    ob_cleanup(ob_freep) uint8_t *bytes = ob_calloc(1, n + 1);
    for (size_t i = 0; i < n; i++) {
        int high = ob_hex_value(text[2 + 2 * i]);
        int low = ob_hex_value(text[3 + 2 * i]);
        if (high < 0 || low < 0)
            return -EINVAL;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = ob_take(bytes);
    *ret_len = n;
    return 0;
}
