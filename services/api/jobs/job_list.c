/* Owns the SQL statements of ListJobs; knows no JSON of the API. Rows of live, done and placement
 * are only read here. Thread: the owner of the connection.
 *
 * What is asked for may be rare among much else: PENDING among a million RUNNABLE jobs, a prefix
 * that few names have. Where no index leads to it, a page looks through at most LIST_EXAMINED_MAX
 * jobs, which are the ids from a floor up to where the page before ended; both ends are ids, so
 * that no job is seen twice or left out, whatever comes and goes meanwhile. Where all of what may
 * match is few, it is looked through at once.
 *
 * Statements choose their own way: each source of ids is an index in its order, behind OFFSET 0,
 * which the planner does not look through; what must hold is asked row by row (LATERAL); and a page
 * is one transaction in which nothing else than that can be planned. Else a plan for a table whose
 * statistics are old or missing would read all of it. */
#include "job_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_columns.h"

/* What JobSummary shows of what never changes. Jobs older than job.revision have it in their text
 * only. */
#define SUMMARY                                                                                    \
    "json_build_object('jobName', j.name, 'createdAt', j.created_at_ms, 'revision', j.revision,"   \
    " 'shareIdentifier', j.share, 'mcpu', j.mcpu, 'jobDefinition', CASE WHEN j.revision = 0"       \
    " THEN substring(j.detail FROM '\"jobDefinition\":\"([^\"]*)\"') END)::text"

#define LIST(ids, position, order)                                                                 \
    "SELECT " JOB_COLUMNS(SUMMARY) ", " position " FROM (" ids                                     \
                                   ") AS r JOIN job j ON j.id = r.id" JOB_JOINS " ORDER BY " order
#define LIST_BY_ID(ids) LIST(ids, "j.id", "j.id DESC")

/* $1 queue, $2 state, $3 ids below, $4 rows, $5 share, $6 ids from. */
#define IDS(id) " AND ($3::uuid IS NULL OR " id " < $3::uuid) AND " id " >= $6::uuid"
#define JOBS                                                                                       \
    "(SELECT q.id FROM job q WHERE q.queue_id = $1 AND ($5::text IS NULL OR q.share = "            \
    "$5::text)" IDS("q.id") " ORDER BY q.id DESC OFFSET 0) AS w"
#define IS_OURS(id)                                                                                \
    " CROSS JOIN LATERAL (SELECT q.id FROM job q WHERE q.id = " id " AND q.queue_id = $1"          \
    " AND ($5::text IS NULL OR q.share = $5::text) OFFSET 0) AS w"
#define IN_STATE(table)                                                                            \
    " CROSS JOIN LATERAL (SELECT FROM " table " s WHERE s.job_id = w.id AND s.idx = -1"            \
    " AND s.state = $2::int OFFSET 0) AS o"

/* Along the jobs that are alive, of whatever queue, or along the queue's own. */
#define SQL_WAITING                                                                                \
    LIST_BY_ID(                                                                                    \
        "SELECT l.job_id AS id, -1 AS idx FROM (SELECT s.job_id FROM live s WHERE s.idx = -1"      \
        " AND s.state = $2::int" IDS("s.job_id") " ORDER BY s.job_id DESC OFFSET 0) AS l" IS_OURS( \
            "l.job_id") " ORDER BY l.job_id DESC LIMIT $4")
#define SQL_WAITING_OURS                                                                           \
    LIST_BY_ID("SELECT w.id, -1 AS idx FROM " JOBS IN_STATE("live") " ORDER BY w.id DESC LIMIT "   \
                                                                    "$4")
/* Runs are as many as instances can hold. */
#define SQL_PLACED                                                                                 \
    LIST_BY_ID(                                                                                    \
        "SELECT w.id, -1 AS idx FROM (SELECT p.job_id FROM placement p WHERE p.idx = -1" IDS(      \
            "p.job_id") " OFFSET 0) AS l" IS_OURS("l.job_id")                                      \
            IN_STATE("live") " ORDER BY w.id DESC LIMIT $4")
#define SQL_DONE                                                                                   \
    LIST_BY_ID("SELECT w.job_id AS id, -1 AS idx FROM done w WHERE w.idx = -1 AND w.queue_id = $1" \
               " AND w.state = $2::int AND $5::text IS NULL" IDS(                                  \
                   "w.job_id") " ORDER BY w.job_id DESC LIMIT $4")
#define SQL_DONE_SHARE                                                                             \
    LIST_BY_ID("SELECT w.id, -1 AS idx FROM " JOBS IN_STATE("done") " ORDER BY w.id DESC LIMIT "   \
                                                                    "$4")

/* By their place in the inbox, the latest first. $3 places below, $6 places from. */
#define SUBMITTED "i.consumer = 1 AND i.kind = 1"
#define SQL_SUBMITTED                                                                              \
    LIST(                                                                                          \
        "SELECT w.id, -1 AS idx, l.seq FROM (SELECT i.seq, i.job_id FROM inbox i WHERE " SUBMITTED \
        " AND $2::int = 0 AND ($3::bigint IS NULL OR i.seq < $3::bigint)"                          \
        " AND i.seq >= $6::bigint ORDER BY i.seq DESC OFFSET 0) AS l" IS_OURS(                     \
            "l.job_id") " ORDER BY l.seq DESC LIMIT $4",                                           \
        "r.seq", "r.seq DESC")
#define SQL_FLOOR_SUBMITTED                                                                        \
    "SELECT i.seq FROM inbox i WHERE " SUBMITTED " AND ($1::bigint IS NULL OR i.seq < $1::bigint)" \
    " ORDER BY i.seq DESC OFFSET $2 LIMIT 1"

/* The id down to which a page looks: $5 behind the first one. $3, $4: where an index of their own
 * leads to them. */
#define SQL_FLOOR                                                                                  \
    "SELECT w.id FROM job w WHERE w.queue_id = $1 AND ($2::uuid IS NULL OR w.id < $2::uuid)"       \
    " AND ($3::text IS NULL OR w.share = $3::text)"                                                \
    " AND ($4::text IS NULL OR w.definition COLLATE \"C\" = $4::text)"                             \
    " ORDER BY w.id DESC OFFSET $5 LIMIT 1"
/* The same along the rows of live; and the oldest. */
#define SQL_FLOOR_ALIVE                                                                            \
    "SELECT (SELECT job_id FROM live WHERE ($1::uuid IS NULL OR job_id < $1::uuid)"                \
    " ORDER BY job_id DESC, idx DESC OFFSET $2 LIMIT 1),"                                          \
    " (SELECT job_id FROM live ORDER BY job_id, idx LIMIT 1)"

/* $1 queue, $2 ids below, $3 rows, $4 ids from. */
#define PREFIX                                                                                     \
    " AND ($6::text IS NULL OR (lower(q.name) COLLATE \"C\" >= $6::text"                           \
    " AND lower(q.name) COLLATE \"C\" < $7::text))"                                                \
    " AND ($9::text IS NULL OR (q.definition COLLATE \"C\" >= $9::text"                            \
    " AND q.definition COLLATE \"C\" < $10::text))"
#define REST                                                                                       \
    " AND ($5::text IS NULL OR lower(q.name) COLLATE \"C\" = $5::text)"                            \
    " AND ($8::text IS NULL OR q.definition COLLATE \"C\" = $8::text)"                             \
    " AND ($11::int = 0 OR q.revision = $11::int) AND ($12::text IS NULL OR q.share = "            \
    "$12::text)" TIMES
/* Ids begin with their job's createdAt or, when the clock was set back, with a time that is at most
 * so much later. */
#define SQL_ID_LEAD "SELECT lead_ms FROM id_clock"
#define TIMES                                                                                      \
    " AND ($13::bigint = 0 OR q.created_at_ms > $13::bigint)"                                      \
    " AND ($14::bigint = 0 OR q.created_at_ms < $14::bigint)"
#define FILTER_IDS " AND ($2::uuid IS NULL OR q.id < $2::uuid) AND q.id >= $4::uuid"
#define FILTERED(source)                                                                           \
    LIST_BY_ID("SELECT q.id, -1 AS idx FROM " source " ORDER BY q.id DESC LIMIT $3")
/* Along the index of what is given exactly. */
#define SQL_FILTERED FILTERED("job q WHERE q.queue_id = $1" FILTER_IDS REST PREFIX)
#define OF_JOB                                                                                     \
    "SELECT q.id, q.name, q.definition, q.revision, q.share, q.created_at_ms FROM job q WHERE "    \
    "q.queue_id = $1"
/* Along the queue, or through all that begin as asked. */
#define SQL_FILTERED_WALK                                                                          \
    FILTERED("(" OF_JOB FILTER_IDS " ORDER BY q.id DESC OFFSET 0) AS q WHERE true" REST PREFIX)
#define SQL_FILTERED_FEW FILTERED("(" OF_JOB PREFIX " OFFSET 0) AS q WHERE true" FILTER_IDS REST)
#define SQL_BEGIN_SO                                                                               \
    "SELECT count(*) FROM (SELECT FROM job q WHERE q.queue_id = $1"                                \
    " AND ($2::text IS NULL OR (lower(q.name) COLLATE \"C\" >= $2::text"                           \
    " AND lower(q.name) COLLATE \"C\" < $3::text))"                                                \
    " AND ($4::text IS NULL OR (q.definition COLLATE \"C\" >= $4::text"                            \
    " AND q.definition COLLATE \"C\" < $5::text)) LIMIT $6) AS l"

/* $1 array, $2 scope, $3 state, $4 index from, $5 rows. */
#define SQL_CHILDREN                                                                               \
    "SELECT " JOB_COLUMNS(                                                                         \
        SUMMARY) ", r.idx FROM job j"                                                              \
                 " CROSS JOIN LATERAL generate_series($4::int, j.array_size - 1) AS "              \
                 "r(idx)" JOB_JOINS " WHERE j.id = $1 AND starts_with(j.detail, $2)"               \
                 " AND coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0) = $3::int"      \
                 " ORDER BY r.idx LIMIT $5"

const ob_db_stmt job_list_stmts[] = {
    { "list_submitted", SQL_SUBMITTED },
    { "list_floor_submitted", SQL_FLOOR_SUBMITTED },
    { "list_waiting", SQL_WAITING },
    { "list_waiting_ours", SQL_WAITING_OURS },
    { "list_placed", SQL_PLACED },
    { "list_done", SQL_DONE },
    { "list_done_share", SQL_DONE_SHARE },
    { "list_floor", SQL_FLOOR },
    { "list_floor_alive", SQL_FLOOR_ALIVE },
    { "list_filtered", SQL_FILTERED },
    { "list_filtered_walk", SQL_FILTERED_WALK },
    { "list_filtered_few", SQL_FILTERED_FEW },
    { "list_begin_so", SQL_BEGIN_SO },
    { "list_id_lead", SQL_ID_LEAD },
    { "list_children", SQL_CHILDREN },
    { 0 },
};

/* One page on its way: what is looked through, and how it is asked for. */
typedef struct listing {
    ob_db *db;
    int64_t queue_id;
    const job_filter *filter;
    const char *stmt;
    const char *below; /* the position, or the filter's own end; NULL: from the newest on */
    char floor[LIST_POSITION_TEXT];
    bool more; /* there is something below the floor */
    int limit;
    char below_text[OB_UUID_TEXT];
} listing;

/* One page, from one snapshot. A connection that is left inside is not used again (db_pool.h). */
static int begin(ob_db *db, ob_error *err)
{
    return ob_db_sql(db,
                     "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                     " SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
                     " SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
                     NULL, NULL, err);
}

static const char nowhere[] = "00000000-0000-0000-0000-000000000000";

static bool is_id(const char *text)
{
    ob_uuid id;
    return ob_uuid_parse(text, strlen(text), &id);
}

static bool is_number(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n < 19 && strspn(text, "0123456789") == n;
}

static int bad_position(ob_error *err)
{
    return ob_fail(err, EINVAL, "no position of a page");
}

/* Takes the first column of the only row as the floor; none: there is less to look through than
 * a page may. */
static void take_floor(listing *l, const PGresult *res)
{
    l->more = PQntuples(res) > 0;
    if (l->more)
        (void)snprintf(l->floor, sizeof l->floor, "%s", ob_col(res, 0, 0));
}

static int find_floor(listing *l, const char *share, const char *definition, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, l->queue_id);
    ob_param_text(&p, l->below);
    ob_param_text(&p, share);
    ob_param_text(&p, definition);
    ob_param_int(&p, LIST_EXAMINED_MAX - 1);
    int r = ob_db_exec(l->db, "list_floor", &p, &res, err);
    if (r == 0)
        take_floor(l, res);
    return r;
}

/* One row more than a page has tells whether another follows. */
static int take_rows(listing *l, ob_params *p, job_page *ret, ob_error *err)
{
    int r = ob_db_exec(l->db, l->stmt, p, &ret->rows, err);
    if (r == 0)
        r = ob_db_sql(l->db, "COMMIT", NULL, NULL, err);
    if (r < 0)
        return r;
    int n = PQntuples(ret->rows);
    const char *next = n > l->limit ? ob_col(ret->rows, l->limit - 1, JOB_COL_POSITION)
                       : l->more    ? l->floor
                                    : "";
    (void)snprintf(ret->next, sizeof ret->next, "%s", next);
    return 0;
}

/* ---- by state -------------------------------------------------------------------------------- */

static int floor_submitted(listing *l, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, l->below);
    ob_param_int(&p, LIST_EXAMINED_MAX - 1);
    (void)snprintf(l->floor, sizeof l->floor, "0");
    int r = ob_db_exec(l->db, "list_floor_submitted", &p, &res, err);
    if (r == 0)
        take_floor(l, res);
    return r;
}

/* Below the oldest that is alive nobody waits. The queue's own jobs down to there are looked
 * through when they are few, else all that are alive, for that is the faster way through many. */
static int choose_waiting(listing *l, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, l->below);
    ob_param_int(&p, LIST_EXAMINED_MAX - 1);
    int r = ob_db_exec(l->db, "list_floor_alive", &p, &res, err);
    const char *floor = r == 0 ? ob_col(res, 0, 0) : NULL;
    l->stmt = "list_waiting";
    if (r < 0 || !floor)
        return r;
    const char *oldest = ob_col(res, 0, 1);
    r = find_floor(l, l->filter->share, NULL, err);
    if (r < 0)
        return r;
    bool few = !l->more || strcmp(l->floor, oldest) <= 0;
    l->stmt = few ? "list_waiting_ours" : "list_waiting";
    l->more = !few;
    (void)snprintf(l->floor, sizeof l->floor, "%s", few ? oldest : floor);
    return 0;
}

static int choose_state(listing *l, ob_job_state state, ob_error *err)
{
    switch (state) {
    case OB_JOB_SUBMITTED:
        l->stmt = "list_submitted";
        return floor_submitted(l, err);
    case OB_JOB_PENDING:
    case OB_JOB_RUNNABLE:
        return choose_waiting(l, err);
    case OB_JOB_STARTING:
    case OB_JOB_RUNNING:
        l->stmt = "list_placed";
        return 0;
    case OB_JOB_SUCCEEDED:
    case OB_JOB_FAILED:
        l->stmt = l->filter->share ? "list_done_share" : "list_done";
        return l->filter->share ? find_floor(l, l->filter->share, NULL, err) : 0;
    }
    return 0;
}

int job_list_state(ob_db *db,
                   int64_t queue_id,
                   ob_job_state state,
                   const job_filter *filter,
                   const char *position,
                   int limit,
                   job_page *ret,
                   ob_error *err)
{
    listing l = {
        .db = db, .queue_id = queue_id, .filter = filter, .below = position, .limit = limit
    };
    memcpy(l.floor, nowhere, sizeof nowhere);
    if (position && !(state == OB_JOB_SUBMITTED ? is_number(position) : is_id(position)))
        return bad_position(err);
    int r = begin(db, err);
    if (r == 0)
        r = choose_state(&l, state, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    ob_param_int(&p, state);
    ob_param_text(&p, l.below);
    ob_param_int(&p, limit + 1);
    ob_param_text(&p, filter->share);
    ob_param_text(&p, l.floor);
    return take_rows(&l, &p, ret, err);
}

/* ---- by filter ------------------------------------------------------------------------------- */

static int begin_so(const listing *l, bool *ret_few, ob_error *err)
{
    const job_filter *f = l->filter;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, l->queue_id);
    ob_param_text(&p, f->name_from);
    ob_param_text(&p, f->name_below);
    ob_param_text(&p, f->definition_from);
    ob_param_text(&p, f->definition_below);
    ob_param_int(&p, LIST_EXAMINED_MAX + 1);
    int r = ob_db_exec(l->db, "list_begin_so", &p, &res, err);
    if (r == 0)
        *ret_few = ob_col_int(res, 0, 0, 0) <= LIST_EXAMINED_MAX;
    return r;
}

/* No id begins before its job's createdAt, and none much later. */
static int begin_before(listing *l, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = ob_db_exec(l->db, "list_id_lead", NULL, &res, err);
    if (r < 0)
        return r;
    ob_uuid below = ob_uuid_from_ms(l->filter->before_ms + ob_col_int(res, 0, 0, 0));
    ob_uuid_format(&below, l->below_text);
    l->below = l->below_text;
    return 0;
}

static int choose_times(listing *l, ob_error *err)
{
    char from[OB_UUID_TEXT];
    ob_uuid id = ob_uuid_from_ms(l->filter->after_ms);
    ob_uuid_format(&id, from);
    l->stmt = "list_filtered_walk";
    int r = l->filter->before_ms > 0 && !l->below ? begin_before(l, err) : 0;
    if (r == 0)
        r = find_floor(l, NULL, NULL, err);
    if (r == 0 && strcmp(l->floor, from) < 0) {
        memcpy(l->floor, from, sizeof from);
        l->more = false;
    }
    return r;
}

static int choose_filtered(listing *l, ob_error *err)
{
    const job_filter *f = l->filter;
    bool few = false;
    l->stmt = "list_filtered";
    if (f->after_ms > 0 || f->before_ms > 0)
        return choose_times(l, err);
    if (f->name_from || f->definition_from) {
        int r = begin_so(l, &few, err);
        l->stmt = few ? "list_filtered_few" : "list_filtered_walk";
        return r < 0 || few ? r : find_floor(l, NULL, NULL, err);
    }
    return f->revision ? find_floor(l, NULL, f->definition, err) : 0;
}

int job_list_filtered(ob_db *db,
                      int64_t queue_id,
                      const job_filter *filter,
                      const char *position,
                      int limit,
                      job_page *ret,
                      ob_error *err)
{
    listing l = {
        .db = db, .queue_id = queue_id, .filter = filter, .below = position, .limit = limit
    };
    if (position && !is_id(position))
        return bad_position(err);
    memcpy(l.floor, nowhere, sizeof nowhere);
    int r = begin(db, err);
    if (r == 0)
        r = choose_filtered(&l, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, queue_id);
    ob_param_text(&p, l.below);
    ob_param_int(&p, limit + 1);
    ob_param_text(&p, l.floor);
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
    return take_rows(&l, &p, ret, err);
}

/* ---- children -------------------------------------------------------------------------------- */

int job_list_children(ob_db *db,
                      const ob_uuid *array,
                      const char *scope,
                      ob_job_state state,
                      const char *position,
                      int limit,
                      job_page *ret,
                      ob_error *err)
{
    listing l = { .db = db, .stmt = "list_children", .limit = limit };
    if (position && !is_number(position))
        return bad_position(err);
    int r = begin(db, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid(&p, array);
    ob_param_text(&p, scope);
    ob_param_int(&p, state);
    ob_param_int(&p, position ? atoll(position) + 1 : 0);
    ob_param_int(&p, limit + 1);
    return take_rows(&l, &p, ret, err);
}
