/* A job's stream exists from the moment its name is first shown, even if the job has written
 * nothing or nothing has arrived yet. Owns a cache of the streams that were created or seen, so
 * repeated requests cost no statement: hashes of names in a table without locks, in which a newer
 * one replaces an older one. Any thread. */
#include "named_streams.h"

#include <stdatomic.h>
#include <string.h>

#include "logs_sql.h"
#include "ob/clock.h"
#include "ob/hash.h"

#define SEEN (1 << 15)

static _Atomic uint64_t seen[SEEN];

/* The names end with 128 random bits. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = ob_hash64(OB_HASH64, name);
    return hash ? hash : 1;
}

void named_streams_done(named_streams *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->at[i].region);
        free(list->at[i].group);
        free(list->at[i].name);
    }
    free(list->at);
}

void named_streams_add(
    named_streams *list, const char *region, const char *group, const char *name, ob_job_ref job)
{
    uint64_t hash = hash_of(name);
    if (atomic_load(&seen[hash % SEEN]) == hash)
        return;
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 16;
        list->at = ob_realloc(list->at, list->cap * sizeof(*list->at));
    }
    list->at[list->n++] =
        (named_stream){ ob_strdup(region), ob_strdup(group), ob_strdup(name), job };
}

int named_streams_make(ob_db *db, const char *account, const named_streams *list, ob_error *err)
{
    size_t n = list->n;
    if (n == 0)
        return 0;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_freep) const char **regions = ob_calloc(n, sizeof(*regions));
    ob_cleanup(ob_freep) const char **groups = ob_calloc(n, sizeof(*groups));
    ob_cleanup(ob_freep) const char **names = ob_calloc(n, sizeof(*names));
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(n, sizeof(*ids));
    ob_cleanup(ob_freep) int32_t *indexes = ob_calloc(n, sizeof(*indexes));
    for (size_t i = 0; i < n; i++) {
        regions[i] = list->at[i].region;
        groups[i] = list->at[i].group;
        names[i] = list->at[i].name;
        ids[i] = list->at[i].job.id;
        indexes[i] = list->at[i].job.index;
    }
    ob_param_text(&p, account);
    ob_param_text_array(&p, regions, n);
    ob_param_text_array(&p, groups, n);
    ob_param_text_array(&p, names, n);
    ob_param_uuid_array(&p, ids, n);
    ob_param_int32_array(&p, indexes, n);
    ob_param_int(&p, ob_wall_ms());
    int r = ob_db_write(db, OB_POINT_API_NAMED_STREAMS, STMT_NAME_STREAMS, &p, NULL, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        uint64_t hash = hash_of(names[i]);
        atomic_store(&seen[hash % SEEN], hash);
    }
    return r;
}
