/* See job_row.h. Pure; what it returns borrows from the result. */
#include "job_row.h"

#include <stdlib.h>
#include <string.h>

engine_submission job_row_read(const PGresult *res, int row, const ob_uuid *id)
{
    return (engine_submission){
        .id = *id,
        .queue_id = ob_col_int(res, row, JOB_QUEUE_ID, 0),
        .array_size = (int32_t)ob_col_int(res, row, JOB_ARRAY_SIZE, 0),
        .need = {
            .mcpu = (int32_t)ob_col_int(res, row, JOB_MCPU, 0),
            .mem_mib = (int32_t)ob_col_int(res, row, JOB_MEM_MIB, 0),
            .gpus = (int32_t)ob_col_int(res, row, JOB_GPUS, 0),
        },
        .share = ob_col(res, row, JOB_SHARE),
        .priority = (int32_t)ob_col_int(res, row, JOB_PRIORITY, 0),
        .created_at_ms = ob_col_int(res, row, JOB_CREATED_AT_MS, 0),
        .terms = {
            .attempts = (int32_t)ob_col_int(res, row, JOB_ATTEMPTS, 1),
            .timeout_s = (int32_t)ob_col_int(res, row, JOB_TIMEOUT_S, 0),
            .on_exit = ob_col(res, row, JOB_ON_EXIT),
            .kind = ob_col_int(res, row, JOB_KIND, 0),
        },
    };
}

/* The next element of an array's text ("{a,b}"), without a NUL; false behind the last one. */
static bool next_element(const char **at, const char **ret, size_t *ret_len)
{
    if (!*at || (**at != '{' && **at != ','))
        return false;
    *ret = ++*at;
    *ret_len = strcspn(*ret, ",}");
    *at += *ret_len;
    return *ret_len > 0;
}

size_t job_row_deps(const PGresult *res, int row, engine_dependency ret[ENGINE_MAX_DEPENDENCIES])
{
    const char *ids = ob_col(res, row, JOB_DEP_IDS), *idxs = ob_col(res, row, JOB_DEP_IDXS);
    const char *types = ob_col(res, row, JOB_DEP_TYPES), *id, *idx, *type;
    size_t n = 0, id_len, idx_len, type_len;
    while (n < ENGINE_MAX_DEPENDENCIES && next_element(&ids, &id, &id_len) &&
           next_element(&idxs, &idx, &idx_len) && next_element(&types, &type, &type_len)) {
        engine_dependency d = { .index = (int32_t)strtol(idx, NULL, 10),
                                .type = (ob_dep_type)strtol(type, NULL, 10) };
        if (ob_uuid_parse(id, id_len, &d.id))
            ret[n++] = d;
    }
    return n;
}
