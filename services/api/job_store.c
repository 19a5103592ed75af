/* Owns every SQL statement of the job operations; knows no JSON of the API. Rows of live, done,
 * attempt, class_reason and share_usage are only read here: they belong to the scheduler. Thread:
 * the owner of the connection. */
#include "job_store.h"

#define SQL_FIND_QUEUE                                                                             \
    "SELECT q.id, q.version, q.enabled, q.deleting, q.policy_id IS NOT NULL,"                      \
    " coalesce((SELECT c.resource_type LIKE 'FARGATE%' FROM compute_environment c"                 \
    " WHERE c.id = q.ce_ids[1]), false)"                                                           \
    " FROM job_queue q LEFT JOIN queue_status s ON s.queue_id = q.id WHERE q.account = $1"         \
    " AND q.region = $2 AND q.name = $3 AND NOT (q.deleting AND s.queue_id IS NULL)"

#define SQL_SIZES                                                                                  \
    "SELECT id, array_size FROM job j WHERE id = ANY ($1::uuid[]) AND starts_with(detail, $2)"     \
    " AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx = -1"                     \
    " AND d.stopped_at_ms < $3)"

#define SQL_STOP                                                                                   \
    "INSERT INTO inbox (consumer, kind, job_id, idx, reason)"                                      \
    " SELECT 1, $1::smallint, j.id, r.idx, $4"                                                     \
    " FROM unnest($2::uuid[], $3::int[]) WITH ORDINALITY AS r(id, idx, ord)"                       \
    " JOIN job j ON j.id = r.id WHERE starts_with(j.detail, $5)"                                   \
    " AND (r.idx = -1 OR (r.idx >= 0 AND r.idx < j.array_size))"                                   \
    " AND NOT EXISTS (SELECT FROM done d WHERE d.job_id = j.id AND d.idx IN (-1, r.idx))"          \
    " ORDER BY r.ord RETURNING seq"

/* How a job stands. r: the reference asked (id, idx, ord); children without a row of their own are
 * what their parent's bulk state says. An array waits for what its RUNNABLE children (the third of
 * its counts) wait for, else for what it depends on. */
#define JOB_COLUMNS                                                                                \
    "j.id, r.idx, j.array_size, j.definition, j.detail,"                                           \
    " coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0),"                                \
    " CASE WHEN d.job_id IS NOT NULL THEN d.reason"                                                \
    " WHEN l.job_id IS NOT NULL THEN CASE WHEN l.state = 2 OR l.counts[3] > 0 THEN cr.reason"      \
    " WHEN l.state = 1 THEN ob_waits_for(j.id, r.idx, l.waits) ELSE l.reason END"                  \
    " WHEN pd.job_id IS NOT NULL THEN pd.bulk_reason"                                              \
    " WHEN pl.bulk_state = 2 THEN cr.reason"                                                       \
    " WHEN pl.bulk_state = 1 THEN ob_waits_for(j.id, r.idx, pl.waits) ELSE pl.bulk_reason END,"    \
    " CASE WHEN d.job_id IS NOT NULL THEN d.started_at_ms ELSE l.started_at_ms END,"               \
    " coalesce(d.stopped_at_ms,"                                                                   \
    " CASE WHEN pd.bulk_state IN (5, 6) AND l.job_id IS NULL THEN pd.stopped_at_ms END),"          \
    " CASE WHEN j.failure IS NOT NULL THEN 0 ELSE"                                                 \
    " coalesce(d.flags, l.flags, pd.flags, pl.flags, 0) |"                                         \
    " CASE WHEN d.job_id IS NULL AND pd.job_id IS NULL"                                            \
    " THEN coalesce((SELECT bit_or(CASE i.kind WHEN 2 THEN 1 ELSE 2 END) FROM inbox i"             \
    " WHERE i.job_id = j.id AND i.kind IN (2, 3) AND i.idx IN (-1, r.idx)), 0) ELSE 0 END END,"    \
    " l.run, l.instance_id, ce.name || '_Batch_' || ce.uuid, coalesce(d.counts, l.counts),"        \
    " (SELECT json_agg(json_build_array(a.attempt, a.run, a.instance_id, a.cluster, a.exit_code,"  \
    " a.container_reason, a.reason, a.started_at_ms, a.stopped_at_ms) ORDER BY a.attempt)"         \
    " FROM attempt a WHERE a.job_id = j.id AND a.idx = r.idx),"                                    \
    " (SELECT t.tags FROM job_tag t WHERE t.job_id = j.id)"

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
 * index, the others newest first along the queue. Parameters that are NULL fold away, for each
 * execution is planned with its own. */
#define LIST_SELECT(source)                                                                        \
    "SELECT " JOB_COLUMNS " FROM (SELECT id, -1 AS idx FROM " source                               \
    " ORDER BY 1 DESC LIMIT $4) AS r JOIN job j ON j.id = r.id" JOB_JOINS " ORDER BY j.id DESC"
#define LIST_WHERE                                                                                 \
    " AND w.queue_id = $1 AND ($3::uuid IS NULL OR w.id < $3::uuid)"                               \
    " AND ($5::text IS NULL OR w.share = $5::text)"
#define LIST_LIVE                                                                                  \
    "(SELECT w.id FROM job w JOIN live wl ON wl.job_id = w.id AND wl.idx = -1"                     \
    " WHERE wl.state = $2::int" LIST_WHERE " ORDER BY w.id DESC LIMIT $4) AS s"

#define SQL_LIST_SUBMITTED                                                                         \
    LIST_SELECT("(SELECT w.id FROM inbox i JOIN job w ON w.id = i.job_id"                          \
                " WHERE i.consumer = 1 AND i.kind = 1 AND $2::int = 0" LIST_WHERE ") AS s")
#define SQL_LIST_WAITING LIST_SELECT(LIST_LIVE)
#define SQL_LIST_PLACED                                                                            \
    LIST_SELECT(                                                                                   \
        "(SELECT w.id FROM placement p JOIN live wl ON wl.job_id = p.job_id AND wl.idx = p.idx"    \
        " JOIN job w ON w.id = p.job_id WHERE p.idx = -1 AND wl.state = $2::int" LIST_WHERE        \
        ") AS s")
#define SQL_LIST_DONE                                                                              \
    LIST_SELECT("(SELECT d.job_id AS id FROM done d WHERE d.idx = -1 AND d.queue_id = $1"          \
                " AND d.state = $2::int AND ($3::uuid IS NULL OR d.job_id < $3::uuid)"             \
                " AND ($5::text IS NULL OR EXISTS (SELECT FROM job w WHERE w.id = d.job_id"        \
                " AND w.share = $5::text)) ORDER BY d.job_id DESC LIMIT $4) AS s")

#define SQL_LIST_FILTERED                                                                          \
    "SELECT " JOB_COLUMNS " FROM (SELECT w.id, -1 AS idx FROM job w WHERE w.queue_id = $1"         \
    " AND ($2::uuid IS NULL OR w.id < $2::uuid) AND w.id >= $4::uuid"                              \
    " AND ($13::bigint = 0 OR w.created_at_ms > $13::bigint)"                                      \
    " AND ($14::bigint = 0 OR w.created_at_ms < $14::bigint)"                                      \
    " AND ($5::text IS NULL OR lower(w.name) COLLATE \"C\" = $5::text)"                            \
    " AND ($6::text IS NULL OR (lower(w.name) COLLATE \"C\" >= $6::text"                           \
    " AND lower(w.name) COLLATE \"C\" < $7::text))"                                                \
    " AND ($8::text IS NULL OR w.definition COLLATE \"C\" = $8::text)"                             \
    " AND ($9::text IS NULL OR (w.definition COLLATE \"C\" >= $9::text"                            \
    " AND w.definition COLLATE \"C\" < $10::text))"                                                \
    " AND ($11::int = 0 OR w.revision = $11::int)"                                                 \
    " AND ($12::text IS NULL OR w.share = $12::text)"                                              \
    " ORDER BY w.id DESC LIMIT $3) AS r JOIN job j ON j.id = r.id" JOB_JOINS " ORDER BY j.id DESC"

#define SQL_LIST_CHILDREN                                                                          \
    "SELECT " JOB_COLUMNS " FROM job j CROSS JOIN LATERAL generate_series(0, j.array_size - 1)"    \
    " AS r(idx)" JOB_JOINS " WHERE j.id = $1 AND starts_with(j.detail, $2) AND r.idx >= $4::int"   \
    " AND coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0) = $3::int"                   \
    " ORDER BY r.idx LIMIT $5"

#define SQL_ARRAY_EXISTS                                                                           \
    "SELECT 1 FROM job WHERE id = $1 AND starts_with(detail, $2) AND array_size > 0"

/* $3 shares may be active at a time. */
#define SQL_SHARE_FITS                                                                             \
    "SELECT EXISTS (SELECT FROM share_usage WHERE queue_id = $1 AND share = $2 AND active)"        \
    " OR (SELECT count(*) FROM share_usage WHERE queue_id = $1 AND active) < $3"

#define SQL_SNAPSHOT "SELECT body, updated_at_ms FROM queue_snapshot WHERE queue_id = $1"

const ob_db_stmt job_store_stmts[] = {
    { "find_queue", SQL_FIND_QUEUE },
    { "job_sizes", SQL_SIZES },
    { "stop", SQL_STOP },
    { "describe", SQL_DESCRIBE },
    { "list_submitted", SQL_LIST_SUBMITTED },
    { "list_waiting", SQL_LIST_WAITING },
    { "list_placed", SQL_LIST_PLACED },
    { "list_done", SQL_LIST_DONE },
    { "list_filtered", SQL_LIST_FILTERED },
    { "id_lead", "SELECT lead_ms FROM id_clock" },
    { "list_children", SQL_LIST_CHILDREN },
    { "array_exists", SQL_ARRAY_EXISTS },
    { "share_fits", SQL_SHARE_FITS },
    { "snapshot", SQL_SNAPSHOT },
    { 0 },
};

int job_store_find_queue(ob_db *db,
                         const char *account,
                         const char *region,
                         const char *name,
                         PGresult **ret,
                         ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, region);
    ob_param_text(&p, name);
    return ob_db_exec(db, "find_queue", &p, ret, err);
}

int job_store_sizes(ob_db *db,
                    const ob_uuid *ids,
                    size_t n,
                    const char *scope,
                    int64_t gone_ms,
                    PGresult **ret,
                    ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, n);
    ob_param_text(&p, scope);
    ob_param_int(&p, gone_ms);
    return ob_db_exec(db, "job_sizes", &p, ret, err);
}

static void add_refs(ob_params *p, const ob_job_ref *refs, size_t n)
{
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(n + 1, sizeof(*ids));
    ob_cleanup(ob_freep) int32_t *idx = ob_calloc(n + 1, sizeof(*idx));
    for (size_t i = 0; i < n; i++) {
        ids[i] = refs[i].id;
        idx[i] = refs[i].index;
    }
    ob_param_uuid_array(p, ids, n);
    ob_param_int32_array(p, idx, n);
}

int job_store_stop(ob_db *db,
                   const ob_job_ref *jobs,
                   size_t n,
                   const char *scope,
                   bool terminate,
                   const char *reason,
                   bool *ret_written,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, terminate ? 3 : 2);
    add_refs(&p, jobs, n);
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
    add_refs(&p, refs, n);
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

static void add_uuid(ob_params *p, const ob_uuid *id)
{
    if (id != NULL)
        ob_param_uuid(p, id);
    else
        ob_param_text(p, NULL);
}

int job_store_list_state(ob_db *db,
                         int64_t queue_id,
                         ob_job_state state,
                         const char *share,
                         const ob_uuid *before,
                         int limit,
                         PGresult **ret,
                         ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    ob_param_int(&p, state);
    add_uuid(&p, before);
    ob_param_int(&p, limit);
    ob_param_text(&p, share);
    return ob_db_exec(db, list_stmt(state), &p, ret, err);
}

int job_store_list_filtered(ob_db *db,
                            int64_t queue_id,
                            const job_filter *filter,
                            const ob_uuid *before,
                            int limit,
                            PGresult **ret,
                            ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    add_uuid(&p, before);
    ob_param_int(&p, limit);
    ob_uuid from = ob_uuid_from_ms(filter->after_ms);
    ob_param_uuid(&p, &from); /* no id begins before its job's createdAt */
    ob_param_text(&p, filter->name);
    ob_param_text(&p, filter->name_from);
    ob_param_text(&p, filter->name_below);
    ob_param_text(&p, filter->definition);
    ob_param_text(&p, filter->definition_from);
    ob_param_text(&p, filter->definition_below);
    ob_param_int(&p, filter->revision);
    ob_param_text(&p, filter->share);
    ob_param_int(&p, filter->after_ms);
    ob_param_int(&p, filter->before_ms);
    return ob_db_exec(db, "list_filtered", &p, ret, err);
}

int job_store_id_lead(ob_db *db, int64_t *ret_ms, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = ob_db_exec(db, "id_lead", NULL, &res, err);
    if (r == 0)
        *ret_ms = ob_col_int(res, 0, 0, 0);
    return r;
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

int job_store_share_fits(
    ob_db *db, int64_t queue_id, const char *share, int max, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, queue_id);
    ob_param_text(&p, share);
    ob_param_int(&p, max);
    int r = ob_db_exec(db, "share_fits", &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, 0);
    return r;
}

int job_store_snapshot(ob_db *db, int64_t queue_id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    return ob_db_exec(db, "snapshot", &p, ret, err);
}
