/* What is committed, for those who check it. Owns nothing. */
#include <string.h>

#include "pg_internal.h"

size_t sim_pg_count(pg_table table)
{
    size_t n = 0, at = 0;
    while (pg_next(NULL, table, &at))
        n++;
    return n;
}

const void *sim_pg_next(pg_table table, size_t *at)
{
    const pg_rec *rec = pg_next(NULL, table, at);
    return rec ? pg_see(NULL, rec) : NULL;
}

const void *sim_pg_find(pg_table table, const void *key)
{
    return pg_get(NULL, table, key);
}

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u; /* FNV-1a */
    return hash;
}

static uint64_t mix_column(uint64_t hash, const void *row, const pg_column *c)
{
    const char *at = (const char *)row + c->offset;
    if (c->type == PG_TYPE_UUID)
        return mix(hash, at, sizeof(ob_uuid));
    if (c->type != PG_TYPE_TEXT)
        return mix(hash, at, sizeof(int64_t));
    const char *text = *(const char *const *)at;
    return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\1", 2);
}

uint64_t sim_pg_digest(void)
{
    uint64_t hash = 14695981039346656037u;
    for (pg_table t = 0; t < PG_TABLE_COUNT; t++) {
        size_t at = 0;
        for (const void *row; (row = sim_pg_next(t, &at));)
            for (size_t i = 0; i < pg_table_infos[t].n_columns; i++)
                hash = mix_column(hash, row, &pg_table_infos[t].columns[i]);
    }
    return hash;
}
