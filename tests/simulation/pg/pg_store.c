/* The tables: for each an array of rows in the order of the key; and the memory of all rows.
 * Invariants: a row without an owner has its committed version in 'now'; a row that a transaction
 * has made or deleted stays in the array until the transaction ends. */
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

#define CHUNK_BYTES (256 * 1024)

typedef struct chunk {
    struct chunk *before;
    char at[];
} chunk;

static chunk *chunks;
static size_t chunk_used, chunk_size;

pg_index pg_indexes[PG_TABLE_COUNT];
pg_table_info pg_table_infos[PG_TABLE_COUNT];

/* ---- What the tables are ---- */

#define COLUMN(type, name, rule) { #name, PG_TYPE_##type, PG_RULE_##rule, offsetof(row, name) },
#define DESCRIBE(NAME, table)                                                                      \
    static void describe_##table(void)                                                             \
    {                                                                                              \
        typedef pg_##table row;                                                                    \
        static const pg_column columns[] = { PG_TABLE_##NAME(COLUMN) };                            \
        size_t n_key = 0;                                                                          \
        while (columns[n_key].rule == PG_RULE_KEY)                                                 \
            n_key++;                                                                               \
        pg_table_infos[PG_##NAME] =                                                                \
            (pg_table_info){ #table, sizeof(row), columns, ARRAY_SIZE(columns), n_key };           \
    }
PG_TABLES(DESCRIBE)

void pg_store_open(void)
{
#define CALL(NAME, table) describe_##table();
    PG_TABLES(CALL)
}

void pg_store_close(void)
{
    for (size_t t = 0; t < PG_TABLE_COUNT; t++) {
        free(pg_indexes[t].at);
        pg_indexes[t] = (pg_index){ 0 };
    }
    while (chunks) {
        chunk *before = chunks->before;
        free(chunks);
        chunks = before;
    }
    chunk_used = chunk_size = 0;
}

/* ---- Memory ---- */

void *pg_alloc(size_t size)
{
    size = (size + 15) / 16 * 16;
    if (chunk_used + size > chunk_size) {
        chunk_size = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk *new_one = malloc(sizeof(*new_one) + chunk_size);
        if (!new_one)
            abort();
        new_one->before = chunks;
        chunks = new_one;
        chunk_used = 0;
    }
    void *p = chunks->at + chunk_used;
    chunk_used += size;
    return memset(p, 0, size);
}

const char *pg_keep(const char *text, size_t len)
{
    char *copy = pg_alloc(len + 1);
    memcpy(copy, text, len);
    return copy;
}

const char *pg_textf(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        abort();
    const char *kept = pg_keep(text, (size_t)n);
    free(text);
    return kept;
}

/* ---- Rows and keys ---- */

static const char *text_at(const void *row, const pg_column *c)
{
    return *(const char *const *)((const char *)row + c->offset);
}

static int64_t number_at(const void *row, const pg_column *c)
{
    return *(const int64_t *)((const char *)row + c->offset);
}

static const ob_uuid *uuid_at(const void *row, const pg_column *c)
{
    return (const ob_uuid *)((const char *)row + c->offset);
}

bool pg_uuid_null(const ob_uuid *id)
{
    static const ob_uuid nil;
    return memcmp(id, &nil, sizeof(nil)) == 0;
}

bool pg_column_null(const void *row, const pg_column *c)
{
    switch (c->type) {
    case PG_TYPE_TEXT:
        return !text_at(row, c);
    case PG_TYPE_UUID:
        return pg_uuid_null(uuid_at(row, c));
    case PG_TYPE_INT:
    case PG_TYPE_BOOL:
    case PG_TYPE_TIME:
        break;
    }
    return number_at(row, c) == PG_NULL;
}

/* As ob_uuid_cmp: most keys of a search are ids. */
static int cmp_uuid(const ob_uuid *a, const ob_uuid *b)
{
    uint64_t x[2], y[2];
    memcpy(x, a->b, sizeof(x));
    memcpy(y, b->b, sizeof(y));
    int i = x[0] == y[0];
    uint64_t p = be64toh(x[i]), q = be64toh(y[i]);
    return (p > q) - (p < q);
}

static int cmp_column(const pg_column *c, const void *a, const void *b)
{
    if (c->type == PG_TYPE_TEXT) { /* NULL, in what is looked for, equals no text */
        const char *x = text_at(a, c), *y = text_at(b, c);
        return x && y ? strcmp(x, y) : !!x - !!y;
    }
    if (c->type == PG_TYPE_UUID)
        return cmp_uuid(uuid_at(a, c), uuid_at(b, c));
    int64_t x = number_at(a, c), y = number_at(b, c);
    return (x > y) - (x < y);
}

int pg_cmp(pg_table table, const void *a, const void *b, size_t columns)
{
    const pg_column *c = pg_table_infos[table].columns;
    int order = 0;
    for (size_t i = 0; i < columns && order == 0; i++)
        order = cmp_column(&c[i], a, b);
    return order;
}

void *pg_row_new(pg_table table)
{
    const pg_table_info *info = &pg_table_infos[table];
    char *row = pg_alloc(info->row_size);
    for (size_t i = 0; i < info->n_columns; i++) {
        const pg_column *c = &info->columns[i];
        if (c->type != PG_TYPE_TEXT && c->type != PG_TYPE_UUID)
            *(int64_t *)(row + c->offset) = PG_NULL;
    }
    return row;
}

/* ---- Reading ---- */

size_t pg_from(pg_table table, const void *key, size_t columns)
{
    const pg_index *index = &pg_indexes[table];
    size_t low = 0, high = index->n;
    /* Most rows are added at the end, and many that are looked for are new ones. */
    if (high > 0 && pg_cmp(table, index->at[high - 1]->key, key, columns) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pg_cmp(table, index->at[middle]->key, key, columns) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const void *pg_see(const pg_session *s, const pg_rec *rec)
{
    return !rec->owner || rec->owner == s ? rec->now : rec->committed;
}

pg_rec *pg_rec_at(pg_table table, const void *key)
{
    const pg_index *index = &pg_indexes[table];
    size_t n_key = pg_table_infos[table].n_key, at = pg_from(table, key, n_key);
    if (at == index->n || pg_cmp(table, index->at[at]->key, key, n_key) != 0)
        return NULL;
    return index->at[at];
}

pg_rec *pg_find(const pg_session *s, pg_table table, const void *key)
{
    pg_rec *rec = pg_rec_at(table, key);
    return rec && pg_see(s, rec) ? rec : NULL;
}

const void *pg_get(const pg_session *s, pg_table table, const void *key)
{
    const pg_rec *rec = pg_rec_at(table, key);
    return rec ? pg_see(s, rec) : NULL;
}

pg_rec *pg_next(const pg_session *s, pg_table table, size_t *at)
{
    const pg_index *index = &pg_indexes[table];
    while (*at < index->n) {
        pg_rec *rec = index->at[(*at)++];
        if (pg_see(s, rec))
            return rec;
    }
    return NULL;
}

pg_rec *pg_next_of(const pg_session *s, pg_table table, const void *key, size_t columns, size_t *at)
{
    pg_rec *rec = pg_next(s, table, at);
    return rec && pg_cmp(table, pg_see(s, rec), key, columns) == 0 ? rec : NULL;
}

/* ---- The array ---- */

pg_rec *pg_rec_add(pg_table table, void *row)
{
    pg_index *index = &pg_indexes[table];
    if (index->n == index->room) {
        index->room = index->room ? 2 * index->room : 64;
        index->at = ob_realloc(index->at, index->room * sizeof(pg_rec *));
    }
    size_t at = pg_from(table, row, pg_table_infos[table].n_key);
    memmove(&index->at[at + 1], &index->at[at], (index->n - at) * sizeof(pg_rec *));
    pg_rec *rec = pg_alloc(sizeof(*rec));
    *rec = (pg_rec){ .table = table, .key = row };
    index->at[at] = rec;
    index->n++;
    return rec;
}

void pg_rec_remove(const pg_rec *rec)
{
    pg_index *index = &pg_indexes[rec->table];
    size_t at = pg_from(rec->table, rec->key, pg_table_infos[rec->table].n_key);
    index->n--;
    memmove(&index->at[at], &index->at[at + 1], (index->n - at) * sizeof(pg_rec *));
}
