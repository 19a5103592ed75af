/* Deletes the remaining rows of jobs that the api has deleted (done, attempt, pod), job_event rows
 * that are older than the retention and have been published, and old points of queue_usage. Owns
 * the thread; its statements are in sql/queries/retention.sql.
 *
 * Invariants: a row of these is deleted only after its job, which nothing brings back, so
 * this needs no fence and may run in any scheduler, leading or not. Steps are short transactions of
 * at most STEP rows, oldest first, with a rest between them (ob/sweeper.h). */
#include "retention.h"

#include <string.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/rows.h"
#include "ob/sweeper.h"
#include "retention_sql.h"

#define STEP 2000

struct retention {
    ob_sweeper *sweeper;
    int64_t kept_ms; /* jobs; 0: for ever */
};

static int sweep_orphans(ob_sweeper *sweeper,
                         ob_db *db,
                         ob_point point,
                         const char *stmt,
                         const char *bound,
                         ob_error *err)
{
    ob_cleanup(ob_freep) char *id = ob_strdup("00000000-0000-0000-0000-000000000000");
    int64_t index = -2, number = -1, gone = 0;
    for (int64_t rows = STEP; rows == STEP;) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        ob_param_text(&p, id);
        ob_param_int(&p, index);
        ob_param_int(&p, number);
        ob_param_text(&p, bound);
        ob_param_int(&p, STEP);
        int r = ob_db_write(db, point, stmt, &p, &res, err);
        if (r < 0)
            return r;
        rows = 0;
        if (PQntuples(res) > 0) {
            free(id);
            id = ob_strdup(ob_col(res, 0, ORPHAN_JOB_ID));
            index = ob_col_int(res, 0, ORPHAN_IDX, 0);
            number = ob_col_int(res, 0, ORPHAN_NUMBER, 0);
            rows = ob_col_int(res, 0, ORPHAN_LOOKED, 0);
            gone += ob_col_int(res, 0, ORPHAN_DELETED, 0);
        }
        if (!ob_sweeper_rest(sweeper))
            return ob_fail(err, ECANCELED, "stopped");
    }
    if (gone > 0)
        ob_info("rows.deleted", "{s:s, s:I}", "what", stmt, "rows", (json_int_t)gone);
    return 0;
}

static int sweep_events(ob_sweeper *sweeper, ob_db *db, int64_t before_ms, ob_error *err)
{
    for (int64_t rows = STEP; rows == STEP;) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        ob_param_int(&p, before_ms);
        ob_param_int(&p, STEP);
        int r =
            ob_db_write(db, OB_POINT_SCHEDULER_PAST_EVENTS, STMT_PAST_JOB_EVENTS, &p, &res, err);
        if (r < 0)
            return r;
        rows = strtoll(PQcmdTuples(res), NULL, 10);
        if (!ob_sweeper_rest(sweeper))
            return ob_fail(err, ECANCELED, "stopped");
    }
    return 0;
}

static int sweep_jobs(const retention *r, ob_sweeper *sweeper, ob_db *db, ob_error *err)
{
    int64_t before_ms = ob_wall_ms() - r->kept_ms;
    ob_uuid id = ob_uuid_from_ms(before_ms);
    char bound[OB_UUID_TEXT];
    ob_uuid_format(&id, bound);
    static const char *const of_attempts[] = { STMT_ORPHANED_ATTEMPTS, STMT_ORPHANED_PODS };
    int result = 0;
    for (size_t i = 0; i < ARRAY_SIZE(of_attempts) && result == 0; i++)
        result = sweep_orphans(sweeper, db, OB_POINT_SCHEDULER_PAST_ATTEMPTS, of_attempts[i], bound,
                               err);
    if (result == 0)
        result = sweep_orphans(sweeper, db, OB_POINT_SCHEDULER_PAST_DONE, STMT_ORPHANED_DONE, bound,
                               err);
    return result < 0 ? result : sweep_events(sweeper, db, before_ms, err);
}

static int sweep(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err)
{
    const retention *r = arg;
    int result = r->kept_ms > 0 ? sweep_jobs(r, sweeper, db, err) : 0;
    return result < 0 ? result
                      : ob_sweep_usage(sweeper, db, OB_POINT_SCHEDULER_PAST_USAGE, STMT_PAST_USAGE,
                                       PAST_USAGE_ID, PAST_USAGE_DELETED, err);
}

static void failed(int r, const ob_error *err, void *arg)
{
    (void)arg;
    if (r != -ECANCELED)
        ob_warn("retention.failed", "{s:s}", "error", err->text);
}

int retention_start(const scheduler_config *config, retention **ret, ob_error *err)
{
    int64_t kept_s = config->job_retention_s;
    retention *r = ob_calloc(1, sizeof(*r));
    r->kept_ms = kept_s * 1000;
    int result = ob_sweeper_start(
        &(ob_sweeper_config){ .conninfo = config->pg,
                              .application = "openbatch-scheduler retention",
                              .stmts = scheduler_retention_stmts,
                              .every_ms = ob_sweeper_interval(kept_s ? kept_s : OB_USAGE_KEPT_S),
                              .sweep = sweep,
                              .failed = failed,
                              .arg = r },
        &r->sweeper, err);
    if (result < 0) {
        free(r);
        return result;
    }
    *ret = r;
    return 0;
}

void retention_stop(retention *r)
{
    if (!r)
        return;
    ob_sweeper_stop(r->sweeper);
    free(r);
}
