/* Owns the SQL that makes jobs durable, and what remembers a call's first answer; knows no JSON of
 * the API. Thread: the owner of the connection. */
#include "submit_store.h"

#include <stdio.h>

/* One statement, so that a job, its inbox row and its submit_once row are one commit. Rows of the
 * same call meet in submit_once, sorted by key so that two processes lock in the same order; only
 * those it returned are inserted. The queue is locked so that its deletion cannot slip between.
 * Queue and definition may come from the api's memory (name_cache.c): what has changed since is
 * left out. A job that is accepted only to fail brings its termination along. Dependencies come as
 * the text of an array each, for unnest takes no arrays of arrays. */
#define SQL_INSERT                                                                                 \
    "WITH input AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[],"    \
    " $5::smallint[], $6::text[], $7::int[], $8::text[], $9::int[], $10::int[], $11::int[],"       \
    " $12::int[], $13::bigint[], $14::text[], $15::smallint[], $16::text[], $17::int[],"           \
    " $18::text[], $19::int[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[],"   \
    " $25::text[], $26::text[], $27::bytea[]) AS i(id, queue_id, queue_version, definition_id,"    \
    " latest, definition, revision, name, array_size, mcpu, mem_mib, gpus, created_at_ms, detail," \
    " attempts, on_exit, timeout_s, share, priority, dep_ids, dep_idxs, dep_types, task_tags,"     \
    " failure, key_id, invocation_id, body_hash)),"                                                \
    " q AS (SELECT id, version FROM job_queue WHERE id = ANY ($2::bigint[]) AND enabled"           \
    " AND NOT deleting ORDER BY id FOR SHARE),"                                                    \
    " d AS MATERIALIZED (SELECT d.id, EXISTS (SELECT FROM job_definition n"                        \
    " WHERE n.account = d.account AND n.region = d.region AND n.name = d.name"                     \
    " AND n.revision > d.revision AND n.active) AS outdated"                                       \
    " FROM job_definition d WHERE d.id = ANY ($4::bigint[]) AND d.active),"                        \
    " ok AS (SELECT i.* FROM input i JOIN q ON q.id = i.queue_id AND q.version = i.queue_version"  \
    " JOIN d ON d.id = i.definition_id WHERE i.latest = 0 OR NOT d.outdated),"                     \
    " once AS (INSERT INTO submit_once (key_id, invocation_id, body_hash, job_id, created_at_ms)"  \
    " SELECT i.key_id, i.invocation_id, i.body_hash, i.id, i.created_at_ms FROM ok i"              \
    " WHERE i.invocation_id IS NOT NULL"                                                           \
    " ORDER BY i.key_id, i.invocation_id ON CONFLICT DO NOTHING RETURNING job_id),"                \
    " made AS (INSERT INTO job (id, queue_id, definition, revision, name, array_size, mcpu,"       \
    " mem_mib, gpus, created_at_ms, detail, attempts, on_exit, timeout_s, share, priority,"        \
    " dep_ids, dep_idxs, dep_types, task_tags, failure)"                                           \
    " SELECT i.id, i.queue_id, i.definition, i.revision, i.name, i.array_size, i.mcpu, i.mem_mib," \
    " i.gpus, i.created_at_ms, i.detail, i.attempts, i.on_exit, i.timeout_s, i.share, i.priority," \
    " i.dep_ids::uuid[], i.dep_idxs::int[], i.dep_types::smallint[], i.task_tags, i.failure"       \
    " FROM ok i WHERE i.invocation_id IS NULL OR i.id IN (SELECT job_id FROM once)"                \
    " RETURNING id, failure),"                                                                     \
    " boxed AS (INSERT INTO inbox (consumer, kind, job_id, reason)"                                \
    " SELECT 1, k.kind, m.id, CASE k.kind WHEN 3 THEN m.failure END"                               \
    " FROM made m CROSS JOIN (VALUES (1), (3)) AS k(kind)"                                         \
    " WHERE k.kind = 1 OR m.failure IS NOT NULL ORDER BY m.id, k.kind)"                            \
    " SELECT id FROM made"

#define SQL_FIND_ONCE                                                                              \
    "SELECT job_id, body_hash = $3::bytea FROM submit_once"                                        \
    " WHERE key_id = $1 AND invocation_id = $2"

/* Waits for whoever is writing this call, in any process. */
#define SQL_REFUSE_ONCE                                                                            \
    "INSERT INTO submit_once (key_id, invocation_id, body_hash, job_id, created_at_ms)"            \
    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"

#define SQL_FORGET_ONCE "DELETE FROM submit_once WHERE created_at_ms < $1"

#define SQL_NOTE_LEAD "UPDATE id_clock SET lead_ms = greatest(lead_ms, $1)"

#define SQL_EXISTS "SELECT 1 FROM job WHERE id = $1"

#define FIND_ONCE                                                                                  \
    {                                                                                              \
        "find_once", SQL_FIND_ONCE                                                                 \
    }
const ob_db_stmt submit_store_stmts[] = {
    { "submit", SQL_INSERT },           FIND_ONCE,
    { "forget_once", SQL_FORGET_ONCE }, { "submit_exists", SQL_EXISTS },
    { "note_lead", SQL_NOTE_LEAD },     { 0 },
};
const ob_db_stmt submit_store_worker_stmts[] = { FIND_ONCE,
                                                 { "refuse_once", SQL_REFUSE_ONCE },
                                                 { 0 } };

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

/* One parameter: 'member' of each job. */
#define COLUMN(add, type, member)                                                                  \
    do {                                                                                           \
        ob_cleanup(ob_freep) type *column = ob_calloc(n, sizeof *column);                          \
        for (size_t i = 0; i < n; i++)                                                             \
            column[i] = jobs[i]->member;                                                           \
        add(p, column, n);                                                                         \
    } while (0)

static void add_columns(ob_params *p, const submission *const *jobs, size_t n)
{
    COLUMN(ob_param_uuid_array, ob_uuid, id);
    COLUMN(ob_param_int64_array, int64_t, queue_id);
    COLUMN(ob_param_int64_array, int64_t, queue_version);
    COLUMN(ob_param_int64_array, int64_t, definition_id);
    COLUMN(ob_param_int16_array, int16_t, latest);
    COLUMN(ob_param_text_array, const char *, definition);
    COLUMN(ob_param_int32_array, int32_t, revision);
    COLUMN(ob_param_text_array, const char *, name);
    COLUMN(ob_param_int32_array, int32_t, array_size);
    COLUMN(ob_param_int32_array, int32_t, need.mcpu);
    COLUMN(ob_param_int32_array, int32_t, need.mem_mib);
    COLUMN(ob_param_int32_array, int32_t, need.gpus);
    COLUMN(ob_param_int64_array, int64_t, created_at_ms);
    COLUMN(ob_param_text_array, const char *, detail);
    COLUMN(ob_param_int16_array, int16_t, attempts);
    COLUMN(ob_param_text_array, const char *, on_exit);
    COLUMN(ob_param_int32_array, int32_t, timeout_s);
    COLUMN(ob_param_text_array, const char *, share);
    COLUMN(ob_param_int32_array, int32_t, priority);
    add_deps(p, jobs, n, DEP_ID);
    add_deps(p, jobs, n, DEP_INDEX);
    add_deps(p, jobs, n, DEP_TYPE);
    COLUMN(ob_param_text_array, const char *, task_tags);
    COLUMN(ob_param_text_array, const char *, failure);
    COLUMN(ob_param_text_array, const char *, key_id);
    COLUMN(ob_param_text_array, const char *, invocation_id);
    ob_cleanup(ob_freep) const void **hashes = ob_calloc(n, sizeof *hashes);
    ob_cleanup(ob_freep) int *lens = ob_calloc(n, sizeof *lens);
    for (size_t i = 0; i < n; i++) {
        hashes[i] = jobs[i]->body_hash;
        lens[i] = (int)sizeof(jobs[i]->body_hash);
    }
    ob_param_bytes_array(p, hashes, lens, n);
}

int submit_store_insert(
    ob_db *db, const submission *const *jobs, size_t n, bool *inserted, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    add_columns(&p, jobs, n);
    int r = ob_db_exec(db, "submit", &p, &res, err);
    if (r < 0)
        return r;
    size_t at = 0; /* rows mostly come in the order of the jobs */
    for (int row = 0; row < PQntuples(res); row++) {
        ob_uuid id;
        if (!ob_col_uuid(res, row, 0, &id))
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
    int r = ob_db_exec(db, "find_once", &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no earlier try");
    if (!ob_col_uuid(res, 0, 0, ret_id))
        return ob_fail(err, EPROTO, "submit_once has no job id");
    if (ob_uuid_cmp(ret_id, &no_job) == 0)
        return ob_fail(err, ECANCELED, "This call was refused before.");
    *ret_same_body = ob_col_bool(res, 0, 1);
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
    return ob_db_exec(db, "refuse_once", &p, NULL, err);
}

int submit_store_forget_once(ob_db *db, int64_t before_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, before_ms);
    return ob_db_exec(db, "forget_once", &p, NULL, err);
}

int submit_store_exists(ob_db *db, const ob_uuid *id, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_uuid(&p, id);
    int r = ob_db_exec(db, "submit_exists", &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}

int submit_store_note_lead(ob_db *db, int64_t lead_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, lead_ms);
    return ob_db_exec(db, "note_lead", &p, NULL, err);
}
