/* How ListJobs looks for jobs (job_list.sql); knows no JSON of the API. Rows of live, done and
 * placement are only read. Thread: the owner of the connection.
 *
 * What is asked for may be rare among much else: PENDING among a million RUNNABLE jobs, a prefix
 * that few names have. Where no index leads to it, a page looks through at most LIST_EXAMINED_MAX
 * jobs, which are the ids from a floor up to where the page before ended; both ends are ids, so
 * that no job is seen twice or left out, whatever comes and goes meanwhile. Where all of what may
 * match is few, it is looked through at once.
 */
#include "job_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_list_sql.h"

/* A page that is being made: the range to search, and how to search it. */
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

/* One page, from one snapshot. A connection that is left inside a transaction is not used again
 * (db_pool.h). */
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
    return ob_fail(err, EINVAL, "not the position of a page");
}

/* Takes the floor of the only row; none: there is less to look through than
 * a page may. */
static void take_floor(listing *l, const PGresult *res)
{
    l->more = PQntuples(res) > 0;
    if (l->more)
        (void)snprintf(l->floor, sizeof l->floor, "%s", ob_col(res, 0, FLOOR_COL_FLOOR));
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
    int r = ob_db_exec(l->db, STMT_LIST_FLOOR, &p, &res, err);
    if (r == 0)
        take_floor(l, res);
    return r;
}

/* One row more than a page shows whether another page follows. */
static int take_rows(listing *l, ob_params *p, job_page *ret, ob_error *err)
{
    int r = ob_db_exec(l->db, l->stmt, p, &ret->rows, err);
    if (r == 0)
        r = ob_db_sql(l->db, "ROLLBACK", NULL, NULL, err); /* it only read */
    if (r < 0)
        return r;
    int n = PQntuples(ret->rows);
    const char *next = n > l->limit ? ob_col(ret->rows, l->limit - 1, LIST_COL_POSITION)
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
    int r = ob_db_exec(l->db, STMT_LIST_FLOOR_SUBMITTED, &p, &res, err);
    if (r == 0)
        take_floor(l, res);
    return r;
}

/* No job below the oldest living one waits. The queue's own jobs down to there are searched if they
 * are few; otherwise all living jobs are, because that is faster with many. */
static int choose_waiting(listing *l, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, l->below);
    ob_param_int(&p, LIST_EXAMINED_MAX - 1);
    int r = ob_db_exec(l->db, STMT_LIST_FLOOR_ALIVE, &p, &res, err);
    const char *floor = r == 0 ? ob_col(res, 0, FLOOR_COL_FLOOR) : NULL;
    l->stmt = STMT_LIST_WAITING;
    if (r < 0 || !floor)
        return r;
    const char *oldest = ob_col(res, 0, ALIVE_COL_OLDEST);
    r = find_floor(l, l->filter->share, NULL, err);
    if (r < 0)
        return r;
    bool few = !l->more || strcmp(l->floor, oldest) <= 0;
    l->stmt = few ? STMT_LIST_WAITING_OURS : STMT_LIST_WAITING;
    l->more = !few;
    (void)snprintf(l->floor, sizeof l->floor, "%s", few ? oldest : floor);
    return 0;
}

static int choose_state(listing *l, ob_job_state state, ob_error *err)
{
    switch (state) {
    case OB_JOB_SUBMITTED:
        l->stmt = STMT_LIST_SUBMITTED;
        return floor_submitted(l, err);
    case OB_JOB_PENDING:
    case OB_JOB_RUNNABLE:
        return choose_waiting(l, err);
    case OB_JOB_STARTING:
    case OB_JOB_RUNNING:
        l->stmt = STMT_LIST_PLACED;
        return 0;
    case OB_JOB_SUCCEEDED:
    case OB_JOB_FAILED:
        l->stmt = l->filter->share ? STMT_LIST_DONE_SHARE : STMT_LIST_DONE;
        return l->filter->share ? find_floor(l, l->filter->share, NULL, err) : 0;
    }
    return 0;
}

int job_list_state(ob_db *db,
                   int64_t queue_id,
                   ob_job_state state,
                   const job_filter *filter,
                   job_cursor cursor,
                   job_page *ret,
                   ob_error *err)
{
    const char *position = cursor.position;
    listing l = {
        .db = db, .queue_id = queue_id, .filter = filter, .below = position, .limit = cursor.limit
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
    ob_param_int(&p, cursor.limit + 1);
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
    int r = ob_db_exec(l->db, STMT_LIST_BEGIN_SO, &p, &res, err);
    if (r == 0)
        *ret_few = ob_col_int(res, 0, BEGIN_SO_COL_N, 0) <= LIST_EXAMINED_MAX;
    return r;
}

/* No id starts before its job's createdAt, and none much later. */
static int begin_before(listing *l, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = ob_db_exec(l->db, STMT_LIST_ID_LEAD, NULL, &res, err);
    if (r < 0)
        return r;
    ob_uuid below =
        ob_uuid_from_ms(l->filter->before_ms + ob_col_int(res, 0, ID_LEAD_COL_LEAD_MS, 0));
    ob_uuid_format(&below, l->below_text);
    l->below = l->below_text;
    return 0;
}

static int choose_times(listing *l, ob_error *err)
{
    char from[OB_UUID_TEXT];
    ob_uuid id = ob_uuid_from_ms(l->filter->after_ms);
    ob_uuid_format(&id, from);
    l->stmt = STMT_LIST_FILTERED_WALK;
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
    l->stmt = STMT_LIST_FILTERED;
    if (f->after_ms > 0 || f->before_ms > 0)
        return choose_times(l, err);
    if (f->name_from || f->definition_from) {
        int r = begin_so(l, &few, err);
        l->stmt = few ? STMT_LIST_FILTERED_FEW : STMT_LIST_FILTERED_WALK;
        return r < 0 || few ? r : find_floor(l, NULL, NULL, err);
    }
    return f->revision ? find_floor(l, NULL, f->definition, err) : 0;
}

int job_list_filtered(ob_db *db,
                      int64_t queue_id,
                      const job_filter *filter,
                      job_cursor cursor,
                      job_page *ret,
                      ob_error *err)
{
    listing l = { .db = db,
                  .queue_id = queue_id,
                  .filter = filter,
                  .below = cursor.position,
                  .limit = cursor.limit };
    if (cursor.position && !is_id(cursor.position))
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
    ob_param_int(&p, cursor.limit + 1);
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
                      job_scope scope,
                      const ob_uuid *array,
                      ob_job_state state,
                      job_cursor cursor,
                      job_page *ret,
                      ob_error *err)
{
    listing l = { .db = db, .stmt = STMT_LIST_CHILDREN, .limit = cursor.limit };
    if (cursor.position && !is_number(cursor.position))
        return bad_position(err);
    int r = begin(db, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, scope.account);
    ob_param_text(&p, scope.region);
    ob_param_uuid(&p, array);
    ob_param_int(&p, state);
    ob_param_int(&p, cursor.position ? atoll(cursor.position) + 1 : 0);
    ob_param_int(&p, cursor.limit + 1);
    return take_rows(&l, &p, ret, err);
}
