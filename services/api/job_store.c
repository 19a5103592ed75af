/* Owns every SQL statement of the job operations; knows no JSON of the API. Rows of live, done,
 * attempt and class_reason are only read here: they belong to the scheduler. Thread: the owner of
 * the connection. */
#include "job_store.h"

#include <string.h>

#include "ob/clock.h"

/* One statement, so that a job, its inbox row and its submit_once row are one commit. Rows of the
 * same call meet in submit_once, sorted by key so that two processes lock in the same order; only
 * those it returned are inserted. The queue is locked so that its deletion cannot slip between.
 * Queue and definition may come from the api's memory (known.c): what has changed since is left
 * out. */
#define SQL_SUBMIT                                                                                 \
    "WITH input AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[],"        \
    " $5::int[], $6::int[], $7::int[], $8::int[], $9::bigint[], $10::text[], $11::text[],"         \
    " $12::text[], $13::bytea[], $14::bigint[], $15::smallint[]) AS i(id, queue_id,"               \
    " definition, name, array_size, mcpu, mem_mib, gpus, created_at_ms, detail, key_id,"           \
    " invocation_id, body_hash, definition_id, latest)),"                                          \
    " q AS (SELECT id FROM job_queue WHERE id = ANY ($2::bigint[]) AND enabled AND NOT deleting"   \
    " ORDER BY id FOR SHARE),"                                                                     \
    " d AS MATERIALIZED (SELECT d.id, EXISTS (SELECT FROM job_definition n"                        \
    " WHERE n.account = d.account AND n.region = d.region AND n.name = d.name"                     \
    " AND n.revision > d.revision AND n.active) AS outdated"                                       \
    " FROM job_definition d WHERE d.id = ANY ($14::bigint[]) AND d.active),"                       \
    " ok AS (SELECT i.* FROM input i JOIN q ON q.id = i.queue_id JOIN d ON d.id = i.definition_id" \
    " WHERE i.latest = 0 OR NOT d.outdated),"                                                      \
    " once AS (INSERT INTO submit_once (key_id, invocation_id, body_hash, job_id, created_at_ms)"  \
    " SELECT i.key_id, i.invocation_id, i.body_hash, i.id, i.created_at_ms FROM ok i"              \
    " WHERE i.invocation_id IS NOT NULL"                                                           \
    " ORDER BY i.key_id, i.invocation_id ON CONFLICT DO NOTHING RETURNING job_id),"                \
    " made AS (INSERT INTO job (id, queue_id, definition, name, array_size, mcpu, mem_mib, gpus,"  \
    " created_at_ms, detail) SELECT i.id, i.queue_id, i.definition, i.name, i.array_size, i.mcpu," \
    " i.mem_mib, i.gpus, i.created_at_ms, i.detail FROM ok i"                                      \
    " WHERE i.invocation_id IS NULL OR i.id IN (SELECT job_id FROM once) RETURNING id),"           \
    " boxed AS (INSERT INTO inbox (consumer, kind, job_id) SELECT 1, 1, id FROM made ORDER BY id)" \
    " SELECT id FROM made"

#define SQL_FIND_ONCE                                                                              \
    "SELECT job_id, body_hash = $3::bytea FROM submit_once"                                        \
    " WHERE key_id = $1 AND invocation_id = $2 AND created_at_ms > $4"

#define SQL_FORGET_ONCE "DELETE FROM submit_once WHERE created_at_ms < $1"

#define SQL_EXISTS "SELECT 1 FROM job WHERE id = $1"

#define SQL_STOP                                                                                   \
    "INSERT INTO inbox (consumer, kind, job_id, idx, reason) SELECT 1, $1::smallint, j.id, $3, $4" \
    " FROM job j WHERE j.id = $2 AND starts_with(j.detail, $5)"                                    \
    " AND (($3::int = -1) OR ($3::int >= 0 AND $3::int < j.array_size))"                           \
    " AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx IN (-1, $3::int))"        \
    " RETURNING seq"

/* How a job stands. r: the reference asked (id, idx, ord); children without a row of their own are
 * what their parent's bulk state says. */
#define JOB_COLUMNS                                                                                \
    "j.id, r.idx, j.array_size, j.definition, j.detail,"                                           \
    " coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0),"                                \
    " CASE WHEN d.job_id IS NOT NULL THEN d.reason"                                                \
    " WHEN l.job_id IS NOT NULL THEN CASE WHEN l.state = 2 THEN cr.reason ELSE l.reason END"       \
    " WHEN pd.job_id IS NOT NULL THEN pd.bulk_reason"                                              \
    " WHEN pl.bulk_state = 2 THEN cr.reason ELSE pl.bulk_reason END,"                              \
    " CASE WHEN d.job_id IS NOT NULL THEN d.started_at_ms ELSE l.started_at_ms END,"               \
    " coalesce(d.stopped_at_ms,"                                                                   \
    " CASE WHEN pd.bulk_state IN (5, 6) AND l.job_id IS NULL THEN pd.stopped_at_ms END),"          \
    " coalesce(d.flags, l.flags, pd.flags, pl.flags, 0) |"                                         \
    " CASE WHEN d.job_id IS NULL AND pd.job_id IS NULL"                                            \
    " THEN coalesce((SELECT bit_or(CASE i.kind WHEN 2 THEN 1 ELSE 2 END) FROM inbox i"             \
    " WHERE i.job_id = j.id AND i.kind IN (2, 3) AND i.idx IN (-1, r.idx)), 0) ELSE 0 END,"        \
    " l.run, l.instance_id, ce.name || '_Batch_' || ce.uuid, coalesce(d.counts, l.counts),"        \
    " (SELECT json_agg(json_build_array(a.attempt, a.run, a.instance_id, a.cluster, a.exit_code,"  \
    " a.container_reason, a.reason, a.started_at_ms, a.stopped_at_ms) ORDER BY a.attempt)"         \
    " FROM attempt a WHERE a.job_id = j.id AND a.idx = r.idx)"

#define JOB_JOINS                                                                                  \
    " LEFT JOIN live l ON l.job_id = j.id AND l.idx = r.idx"                                       \
    " LEFT JOIN done d ON d.job_id = j.id AND d.idx = r.idx"                                       \
    " LEFT JOIN live pl ON pl.job_id = j.id AND pl.idx = -1 AND r.idx >= 0"                        \
    " LEFT JOIN done pd ON pd.job_id = j.id AND pd.idx = -1 AND r.idx >= 0"                        \
    " LEFT JOIN compute_environment ce ON ce.id = l.ce_id"                                         \
    " LEFT JOIN class_reason cr ON cr.queue_id = j.queue_id AND cr.mcpu = j.mcpu"                  \
    " AND cr.mem_mib = j.mem_mib AND cr.gpus = j.gpus AND cr.share = coalesce(j.share, '')"        \
    " AND cr.priority = j.priority"

#define SQL_DESCRIBE                                                                               \
    "SELECT " JOB_COLUMNS " FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS r(id, idx, ord)" \
    " JOIN job j ON j.id = r.id" JOB_JOINS                                                         \
    " WHERE r.idx = -1 OR (r.idx >= 0 AND r.idx < j.array_size) ORDER BY r.ord"

/* Where jobs of a state are found: those being placed by their placements, the ended by done's
 * index, the others newest first along the queue. */
#define LIST_SELECT(source)                                                                        \
    "SELECT " JOB_COLUMNS " FROM (SELECT job_id AS id, -1 AS idx FROM " source                     \
    " ORDER BY 1 DESC LIMIT $4) AS r JOIN job j ON j.id = r.id" JOB_JOINS " ORDER BY j.id DESC"
#define LIST_BEFORE(column) " AND ($3::uuid IS NULL OR " column " < $3::uuid)"

#define SQL_LIST_SUBMITTED                                                                         \
    LIST_SELECT(                                                                                   \
        "(SELECT i.job_id FROM inbox i JOIN job ij ON ij.id = i.job_id"                            \
        " WHERE i.consumer = 1 AND i.kind = 1 AND ij.queue_id = $1 AND $2::int = 0" LIST_BEFORE(   \
            "i.job_id") ") AS s")
#define SQL_LIST_WAITING                                                                           \
    LIST_SELECT("(SELECT w.id AS job_id FROM job w JOIN live wl ON wl.job_id = w.id"               \
                " AND wl.idx = -1 WHERE w.queue_id = $1 AND wl.state = $2::int" LIST_BEFORE(       \
                    "w.id") " ORDER BY w.id DESC LIMIT $4) AS s")
#define SQL_LIST_PLACED                                                                            \
    LIST_SELECT("(SELECT p.job_id FROM placement p JOIN live wl ON wl.job_id = p.job_id"           \
                " AND wl.idx = p.idx JOIN job w ON w.id = p.job_id WHERE p.idx = -1"               \
                " AND w.queue_id = $1 AND wl.state = $2::int" LIST_BEFORE("p.job_id") ") AS s")
#define SQL_LIST_DONE                                                                              \
    LIST_SELECT(                                                                                   \
        "(SELECT w.job_id FROM done w WHERE w.idx = -1 AND w.queue_id = $1"                        \
        " AND w.state = $2::int" LIST_BEFORE("w.job_id") " ORDER BY w.job_id DESC LIMIT $4) AS s")

#define SQL_LIST_CHILDREN                                                                          \
    "SELECT " JOB_COLUMNS " FROM job j CROSS JOIN LATERAL generate_series(0, j.array_size - 1)"    \
    " AS r(idx)" JOB_JOINS " WHERE j.id = $1 AND starts_with(j.detail, $2) AND r.idx >= $4::int"   \
    " AND coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0) = $3::int"                   \
    " ORDER BY r.idx LIMIT $5"

#define SQL_ARRAY_EXISTS                                                                           \
    "SELECT 1 FROM job WHERE id = $1 AND starts_with(detail, $2) AND array_size > 0"

const ob_db_stmt job_store_submit_stmts[] = {
    { "submit", SQL_SUBMIT },
    { "find_once", SQL_FIND_ONCE },
    { "forget_once", SQL_FORGET_ONCE },
    { "job_exists", SQL_EXISTS },
    { 0 },
};

const ob_db_stmt job_store_stmts[] = {
    { "stop", SQL_STOP },
    { "describe", SQL_DESCRIBE },
    { "list_submitted", SQL_LIST_SUBMITTED },
    { "list_waiting", SQL_LIST_WAITING },
    { "list_placed", SQL_LIST_PLACED },
    { "list_done", SQL_LIST_DONE },
    { "list_children", SQL_LIST_CHILDREN },
    { "array_exists", SQL_ARRAY_EXISTS },
    { 0 },
};

/* Columns of a batch, as unnest takes them. */
typedef struct batch_columns {
    ob_uuid *ids;
    int64_t *queues, *created, *definition_ids;
    int16_t *latest;
    int32_t *sizes, *mcpu, *mem, *gpus;
    const char **definitions, **names, **details, **keys, **invocations;
    const void **hashes;
    int *hash_lens;
} batch_columns;

static void columns_done(batch_columns *c)
{
    free(c->ids);
    free(c->queues);
    free(c->created);
    free(c->definition_ids);
    free(c->latest);
    free(c->sizes);
    free(c->mcpu);
    free(c->mem);
    free(c->gpus);
    free(c->definitions);
    free(c->names);
    free(c->details);
    free(c->keys);
    free(c->invocations);
    free(c->hashes);
    free(c->hash_lens);
}

static void columns_fill(batch_columns *c, const submission *const *jobs, size_t n)
{
    c->ids = ob_calloc(n, sizeof(*c->ids));
    c->queues = ob_calloc(n, sizeof(*c->queues));
    c->created = ob_calloc(n, sizeof(*c->created));
    c->definition_ids = ob_calloc(n, sizeof(*c->definition_ids));
    c->latest = ob_calloc(n, sizeof(*c->latest));
    c->sizes = ob_calloc(n, sizeof(*c->sizes));
    c->mcpu = ob_calloc(n, sizeof(*c->mcpu));
    c->mem = ob_calloc(n, sizeof(*c->mem));
    c->gpus = ob_calloc(n, sizeof(*c->gpus));
    c->definitions = ob_calloc(n, sizeof(*c->definitions));
    c->names = ob_calloc(n, sizeof(*c->names));
    c->details = ob_calloc(n, sizeof(*c->details));
    c->keys = ob_calloc(n, sizeof(*c->keys));
    c->invocations = ob_calloc(n, sizeof(*c->invocations));
    c->hashes = ob_calloc(n, sizeof(*c->hashes));
    c->hash_lens = ob_calloc(n, sizeof(*c->hash_lens));
    for (size_t i = 0; i < n; i++) {
        const submission *j = jobs[i];
        c->ids[i] = j->id;
        c->queues[i] = j->queue_id;
        c->created[i] = j->created_at_ms;
        c->definition_ids[i] = j->definition_id;
        c->latest[i] = j->latest;
        c->sizes[i] = j->array_size;
        c->mcpu[i] = j->need.mcpu;
        c->mem[i] = j->need.mem_mib;
        c->gpus[i] = j->need.gpus;
        c->definitions[i] = j->definition;
        c->names[i] = j->name;
        c->details[i] = j->detail;
        c->keys[i] = j->key_id;
        c->invocations[i] = j->invocation_id;
        c->hashes[i] = j->body_hash;
        c->hash_lens[i] = (int)sizeof(j->body_hash);
    }
}

int job_store_submit(
    ob_db *db, const submission *const *jobs, size_t n, bool *inserted, ob_error *err)
{
    ob_cleanup(columns_done) batch_columns c = { 0 };
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    columns_fill(&c, jobs, n);
    ob_param_uuid_array(&p, c.ids, n);
    ob_param_int64_array(&p, c.queues, n);
    ob_param_text_array(&p, c.definitions, n);
    ob_param_text_array(&p, c.names, n);
    ob_param_int32_array(&p, c.sizes, n);
    ob_param_int32_array(&p, c.mcpu, n);
    ob_param_int32_array(&p, c.mem, n);
    ob_param_int32_array(&p, c.gpus, n);
    ob_param_int64_array(&p, c.created, n);
    ob_param_text_array(&p, c.details, n);
    ob_param_text_array(&p, c.keys, n);
    ob_param_text_array(&p, c.invocations, n);
    ob_param_bytes_array(&p, c.hashes, c.hash_lens, n);
    ob_param_int64_array(&p, c.definition_ids, n);
    ob_param_int16_array(&p, c.latest, n);
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

int job_store_find_once(ob_db *db,
                        const submission *job,
                        int64_t window_ms,
                        ob_uuid *ret_id,
                        bool *ret_same_body,
                        ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, job->key_id);
    ob_param_text(&p, job->invocation_id);
    ob_param_bytes(&p, job->body_hash, sizeof(job->body_hash));
    ob_param_int(&p, ob_wall_ms() - window_ms);
    int r = ob_db_exec(db, "find_once", &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no earlier try");
    if (!ob_col_uuid(res, 0, 0, ret_id))
        return ob_fail(err, EPROTO, "submit_once has no job id");
    *ret_same_body = ob_col_bool(res, 0, 1);
    return 0;
}

int job_store_forget_once(ob_db *db, int64_t before_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, before_ms);
    return ob_db_exec(db, "forget_once", &p, NULL, err);
}

int job_store_exists(ob_db *db, const ob_uuid *id, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_uuid(&p, id);
    int r = ob_db_exec(db, "job_exists", &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}

int job_store_stop(ob_db *db,
                   const ob_job_ref *job,
                   const char *scope,
                   bool terminate,
                   const char *reason,
                   bool *ret_written,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, terminate ? 3 : 2);
    ob_param_uuid(&p, &job->id);
    ob_param_int(&p, job->index);
    ob_param_text(&p, reason);
    ob_param_text(&p, scope);
    int r = ob_db_exec(db, "stop", &p, &res, err);
    if (r == 0)
        *ret_written = PQntuples(res) > 0;
    return r;
}

int job_store_describe(ob_db *db, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(n + 1, sizeof(*ids));
    ob_cleanup(ob_freep) int32_t *idx = ob_calloc(n + 1, sizeof(*idx));
    for (size_t i = 0; i < n; i++) {
        ids[i] = refs[i].id;
        idx[i] = refs[i].index;
    }
    ob_param_uuid_array(&p, ids, n);
    ob_param_int32_array(&p, idx, n);
    return ob_db_exec(db, "describe", &p, ret, err);
}

static const char *list_stmt(ob_job_state state)
{
    switch (state) {
    case OB_JOB_SUBMITTED:
        return "list_submitted";
    case OB_JOB_PENDING:
    case OB_JOB_RUNNABLE:
        return "list_waiting";
    case OB_JOB_STARTING:
    case OB_JOB_RUNNING:
        return "list_placed";
    case OB_JOB_SUCCEEDED:
    case OB_JOB_FAILED:
        return "list_done";
    }
    return "list_done";
}

int job_store_list_queue(ob_db *db,
                         int64_t queue_id,
                         ob_job_state state,
                         const ob_uuid *before,
                         int limit,
                         PGresult **ret,
                         ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    ob_param_int(&p, state);
    if (before != NULL)
        ob_param_uuid(&p, before);
    else
        ob_param_text(&p, NULL);
    ob_param_int(&p, limit);
    return ob_db_exec(db, list_stmt(state), &p, ret, err);
}

int job_store_list_children(ob_db *db,
                            const ob_uuid *array,
                            const char *scope,
                            ob_job_state state,
                            int32_t from,
                            int limit,
                            PGresult **ret,
                            ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, array);
    ob_param_text(&p, scope);
    ob_param_int(&p, state);
    ob_param_int(&p, from);
    ob_param_int(&p, limit);
    return ob_db_exec(db, "list_children", &p, ret, err);
}

int job_store_array_exists(
    ob_db *db, const ob_uuid *array, const char *scope, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_uuid(&p, array);
    ob_param_text(&p, scope);
    int r = ob_db_exec(db, "array_exists", &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}
