/* Deletes rows of instances that ended longer ago than jobs are kept, and old points of ce_usage.
 * Owns the thread; all its statements are here. Never touches running instances.
 *
 * Invariants: a TERMINATED instance never changes, and jobs' records name instances without reading
 * their rows, so this needs no fence and may run in any scaler, leading or not. Steps are short
 * transactions of at most STEP rows with a rest between them (ob/sweeper.h). */
#include "retention.h"

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/rows.h"
#include "ob/sweeper.h"
#include "retention_sql.h"

#define STEP 1000

static ob_sweeper *the_sweeper;
static int64_t kept_s; /* instances; 0: for ever. Set before the thread starts */

static int sweep_instances(ob_sweeper *sweeper, ob_db *db, ob_error *err)
{
    int64_t gone = 0;
    for (int rows = STEP; rows == STEP;) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        ob_param_int(&p, kept_s);
        ob_param_int(&p, STEP);
        int r = ob_db_write(db, OB_POINT_SCALER_PAST_INSTANCES, STMT_PAST_INSTANCES, &p, &res, err);
        if (r < 0)
            return r;
        rows = PQntuples(res);
        gone += rows;
        if (!ob_sweeper_rest(sweeper))
            return ob_fail(err, ECANCELED, "stopped");
    }
    if (gone > 0)
        ob_info("instances.deleted", "{s:I}", "rows", (json_int_t)gone);
    return 0;
}

static int sweep(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err)
{
    (void)arg;
    int r = kept_s > 0 ? sweep_instances(sweeper, db, err) : 0;
    return r < 0 ? r
                 : ob_sweep_usage(sweeper, db, OB_POINT_SCALER_PAST_USAGE, STMT_PAST_USAGE,
                                  PAST_USAGE_ID, PAST_USAGE_DELETED, err);
}

static void failed(int r, const ob_error *err, void *arg)
{
    (void)arg;
    if (r != -ECANCELED)
        ob_warn("retention.failed", "{s:s}", "error", err->text);
}

int retention_start(const scaler_config *config, ob_error *err)
{
    kept_s = config->job_retention_s;
    ob_sweeper_config sweeper = { .conninfo = config->pg,
                                  .application = "openbatch-scaler retention",
                                  .stmts = scaler_retention_stmts,
                                  .every_ms =
                                      ob_sweeper_interval(kept_s ? kept_s : OB_USAGE_KEPT_S),
                                  .sweep = sweep,
                                  .failed = failed };
    return ob_sweeper_start(&sweeper, &the_sweeper, err);
}

void retention_stop(void)
{
    ob_sweeper_stop(the_sweeper);
    the_sweeper = NULL;
}
