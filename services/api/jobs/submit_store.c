/* Makes jobs durable, and remembers a call's first answer; knows no JSON of the API. Thread: the
 * owner of the connection. */
#include "submit_store.h"

#include <stdio.h>

#include "once_sql.h"
#include "submit_sql.h"

static const ob_uuid no_job; /* of a call that was refused */

/* "{...}", or NULL without dependencies, of one column of them. */
typedef enum dep_column { DEP_ID, DEP_INDEX, DEP_TYPE } dep_column;
static char *dep_text(const submission *job, dep_column column)
{
    if (job->n_deps == 0)
        return NULL;
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    if (f == NULL)
        abort();
    for (size_t i = 0; i < job->n_deps; i++) {
        const submission_dep *dep = &job->deps[i];
        fputc(i == 0 ? '{' : ',', f);
        char id[OB_UUID_TEXT];
        switch (column) {
        case DEP_ID:
            ob_uuid_format(&dep->job.id, id);
            fputs(id, f);
            break;
        case DEP_INDEX:
            fprintf(f, "%d", (int)dep->job.index);
            break;
        case DEP_TYPE:
            fprintf(f, "%d", (int)dep->type);
            break;
        }
    }
    fputc('}', f);
    fclose(f);
    return out;
}

static void add_deps(ob_params *p, const submission *const *jobs, size_t n, dep_column column)
{
    ob_cleanup(ob_freep) char **texts = ob_calloc(n, sizeof *texts);
    for (size_t i = 0; i < n; i++)
        texts[i] = dep_text(jobs[i], column);
    ob_param_text_array(p, (const char *const *)texts, n);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
}

/* The parameter of this name: 'member' of each job. */
#define COLUMN(name, kind, type, member)                                                           \
    OB_PARAM_COLUMN(p, SUBMIT_##name, kind, type, jobs, n, (*row)->member)

static void add_columns(ob_params *p, const submission *const *jobs, size_t n)
{
    COLUMN(ID, uuid, ob_uuid, id);
    COLUMN(ACCOUNT, text, const char *, account);
    COLUMN(REGION, text, const char *, region);
    COLUMN(QUEUE_ID, int64, int64_t, queue_id);
    COLUMN(QUEUE_VERSION, int64, int64_t, queue_version);
    COLUMN(DEFINITION_ID, int64, int64_t, definition_id);
    COLUMN(LATEST, int16, int16_t, latest);
    COLUMN(DEFINITION, text, const char *, definition);
    COLUMN(REVISION, int32, int32_t, revision);
    COLUMN(NAME, text, const char *, name);
    COLUMN(ARRAY_SIZE, int32, int32_t, array_size);
    COLUMN(MCPU, int32, int32_t, need.mcpu);
    COLUMN(MEM_MIB, int32, int32_t, need.mem_mib);
    COLUMN(GPUS, int32, int32_t, need.gpus);
    COLUMN(CREATED_AT_MS, int64, int64_t, created_at_ms);
    COLUMN(DETAIL, text, const char *, detail);
    COLUMN(ATTEMPTS, int16, int16_t, attempts);
    COLUMN(ON_EXIT, text, const char *, on_exit);
    COLUMN(TIMEOUT_S, int32, int32_t, timeout_s);
    COLUMN(SHARE, text, const char *, share);
    COLUMN(PRIORITY, int32, int32_t, priority);
    ob_param_next(p, SUBMIT_DEP_IDS);
    add_deps(p, jobs, n, DEP_ID);
    ob_param_next(p, SUBMIT_DEP_IDXS);
    add_deps(p, jobs, n, DEP_INDEX);
    ob_param_next(p, SUBMIT_DEP_TYPES);
    add_deps(p, jobs, n, DEP_TYPE);
    COLUMN(TASK_TAGS, text, const char *, task_tags);
    COLUMN(FAILURE, text, const char *, failure);
    COLUMN(TRACEPARENT, text, const char *, traceparent);
    COLUMN(KEY_ID, text, const char *, key_id);
    COLUMN(INVOCATION_ID, text, const char *, invocation_id);
    ob_cleanup(ob_freep) const void **hashes = ob_calloc(n, sizeof *hashes);
    ob_cleanup(ob_freep) int *lens = ob_calloc(n, sizeof *lens);
    for (size_t i = 0; i < n; i++) {
        hashes[i] = jobs[i]->body_hash;
        lens[i] = (int)sizeof(jobs[i]->body_hash);
    }
    ob_param_next(p, SUBMIT_BODY_HASH);
    ob_param_bytes_array(p, hashes, lens, n);
}

int submit_store_insert(
    ob_db *db, const submission *const *jobs, size_t n, bool *inserted, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    add_columns(&p, jobs, n);
    int r = ob_db_write(db, OB_POINT_API_SUBMIT, STMT_SUBMIT, &p, &res, err);
    if (r < 0)
        return r;
    size_t at = 0; /* rows mostly come in the order of the jobs */
    for (int row = 0; row < PQntuples(res); row++) {
        ob_uuid id;
        if (!ob_col_uuid(res, row, SUBMITTED_COL_ID, &id))
            return ob_fail(err, EPROTO, "submit returned no id");
        for (size_t i = 0; i < n; i++, at++) {
            if (at == n)
                at = 0;
            if (ob_uuid_cmp(&jobs[at]->id, &id) != 0)
                continue;
            inserted[at++] = true;
            break;
        }
    }
    return 0;
}

int submit_store_find_once(ob_db *db,
                           const char *key_id,
                           const char *invocation_id,
                           const uint8_t body_hash[32],
                           ob_uuid *ret_id,
                           bool *ret_same_body,
                           ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, key_id);
    ob_param_text(&p, invocation_id);
    ob_param_bytes(&p, body_hash, 32);
    int r = ob_db_exec(db, STMT_FIND_ONCE, &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "there was no earlier try");
    if (!ob_col_uuid(res, 0, ONCE_COL_JOB_ID, ret_id))
        return ob_fail(err, EPROTO, "submit_once has no job id");
    if (ob_uuid_cmp(ret_id, &no_job) == 0)
        return ob_fail(err, ECANCELED, "This call was already refused.");
    *ret_same_body = ob_col_bool(res, 0, ONCE_COL_SAME_BODY);
    return 0;
}

int submit_store_refuse_once(ob_db *db,
                             const char *key_id,
                             const char *invocation_id,
                             const uint8_t body_hash[32],
                             int64_t now_ms,
                             ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, key_id);
    ob_param_text(&p, invocation_id);
    ob_param_bytes(&p, body_hash, 32);
    ob_param_uuid(&p, &no_job);
    ob_param_int(&p, now_ms);
    return ob_db_write(db, OB_POINT_API_SUBMIT_REFUSED, STMT_REFUSE_ONCE, &p, NULL, err);
}

int submit_store_forget_once(ob_db *db, int64_t before_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, before_ms);
    return ob_db_write(db, OB_POINT_API_SUBMIT_FORGET, STMT_FORGET_ONCE, &p, NULL, err);
}

int submit_store_exists(ob_db *db, const ob_uuid *id, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_uuid(&p, id);
    int r = ob_db_exec(db, STMT_SUBMIT_EXISTS, &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}

int submit_store_note_lead(ob_db *db, int64_t lead_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, lead_ms);
    return ob_db_write(db, OB_POINT_API_ID_LEAD, STMT_NOTE_LEAD, &p, NULL, err);
}
