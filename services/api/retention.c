/* Deletes what is older than its retention: rows of log_event and log_stream, of job and job_tag,
 * of job_definition. Owns the thread. Never touches what
 * belongs to the scheduler (services/scheduler/retention.c deletes that when the job is gone).
 *
 * Invariants: a job goes before anything else of it, so that nobody sees half of it; a job on which
 * one that has not ended depends stays, also when that one is being submitted: what is past its
 * time cannot be depended on any more, and goes a while later; a stream whose job has not ended
 * stays, so does the last revision of a definition, so that no number is used twice. Steps are
 * short transactions of at most RETENTION_STEP rows, oldest first, with a rest between
 * (ob/sweeper.h): live work waits for none of them. */
#include "retention.h"

#include <string.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/sweeper.h"
#include "retention_sql.h"

#define SLACK_MAX_MS                                                                               \
    (60 * 1000) /* longer than the time of a submission from its checks to its commit */
#define INACTIVE_MS (180LL * 24 * 3600 * 1000) /* as AWS Batch keeps INACTIVE definitions */

static ob_sweeper *the_sweeper;

/* A statement that deletes a page of rows. Its parameters: 'params' and, unless 'begin' is NULL,
 * where the page begins. */
typedef struct deletion {
    ob_point point;
    const char *stmt;
    const char *params[3];
    size_t n_params;
    const char *begin; /* of the first page */
} deletion;

/* Runs it page by page, until a page is not full; adds the number of deleted rows to
 * *ret_deleted. */
static int
run_pages(ob_sweeper *sweeper, ob_db *db, const deletion *what, int64_t *ret_deleted, ob_error *err)
{
    ob_cleanup(ob_freep) char *at = what->begin ? ob_strdup(what->begin) : NULL;
    for (int64_t rows = RETENTION_STEP; rows == RETENTION_STEP;) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        for (size_t i = 0; i < what->n_params; i++)
            ob_param_text(&p, what->params[i]);
        if (at)
            ob_param_text(&p, at);
        int r = ob_db_write(db, what->point, what->stmt, &p, &res, err);
        if (r < 0)
            return r;
        rows = ob_col_int(res, 0, PAGE_COL_LOOKED_AT, 0);
        *ret_deleted += ob_col_int(res, 0, PAGE_COL_DELETED, 0);
        if (at && rows > 0) {
            free(at);
            at = ob_strdup(ob_col(res, 0, PAGE_COL_ENDS));
        }
        if (!ob_sweeper_rest(sweeper))
            return ob_fail(err, ECANCELED, "stopped");
    }
    return 0;
}

static int sweep_logs(ob_sweeper *sweeper, ob_db *db, int64_t before_ms, ob_error *err)
{
    int64_t events = 0, streams = 0;
    ob_cleanup(ob_freep) char *before = ob_strf("%lld", (long long)before_ms);
    const deletion of_events = { .point = OB_POINT_API_PAST_EVENTS,
                                 .stmt = STMT_PAST_EVENTS,
                                 .params = { before },
                                 .n_params = 1 };
    const deletion of_streams = { .point = OB_POINT_API_PAST_STREAMS,
                                  .stmt = STMT_PAST_STREAMS,
                                  .params = { before },
                                  .n_params = 1,
                                  .begin = "0" };
    int r = run_pages(sweeper, db, &of_events, &events, err);
    if (r == 0)
        r = run_pages(sweeper, db, &of_streams, &streams, err);
    if (events + streams > 0)
        ob_info("logs.deleted", "{s:I, s:I}", "events", (json_int_t)events, "streams",
                (json_int_t)streams);
    return r;
}

static int sweep_jobs(ob_sweeper *sweeper, ob_db *db, int64_t before_ms, ob_error *err)
{
    static const char first[] = "00000000-0000-0000-0000-000000000000";
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *needed = NULL;
    int64_t jobs = 0, tags = 0;
    char bound[OB_UUID_TEXT];
    /* Ids are in the order of time: a job that was submitted later cannot have ended earlier. */
    ob_uuid id = ob_uuid_from_ms(before_ms);
    ob_uuid_format(&id, bound);
    ob_param_text(&p, bound);
    int r = ob_db_exec(db, STMT_NEEDED_JOBS, &p, &needed, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *before = ob_strf("%lld", (long long)before_ms);
    const deletion of_jobs = { .point = OB_POINT_API_PAST_JOBS,
                               .stmt = STMT_PAST_JOBS,
                               .params = { before, bound, ob_col(needed, 0, NEEDED_COL_IDS) },
                               .n_params = 3,
                               .begin = first };
    const deletion of_tags = { .point = OB_POINT_API_PAST_TAGS,
                               .stmt = STMT_PAST_TAGS,
                               .params = { bound },
                               .n_params = 1,
                               .begin = first };
    r = run_pages(sweeper, db, &of_jobs, &jobs, err);
    if (r == 0)
        r = run_pages(sweeper, db, &of_tags, &tags, err);
    if (jobs > 0)
        ob_info("jobs.deleted", "{s:I}", "jobs", (json_int_t)jobs);
    return r;
}

int64_t retention_jobs_ms(const api_config *config, int64_t now_ms)
{
    return config->job_retention_s > 0 ? now_ms - config->job_retention_s * 1000 : 0;
}

static int64_t slack_ms(int64_t retention_s)
{
    int64_t ms = retention_s * 100; /* a tenth */
    return ms < SLACK_MAX_MS ? ms : SLACK_MAX_MS;
}

static int sweep(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err)
{
    const api_ctx *ctx = arg;
    int64_t now_ms = ob_wall_ms();
    if (!atomic_load(&ctx->ready))
        return 0;
    int r = 0;
    if (ctx->config->log_retention_s > 0)
        r = sweep_logs(sweeper, db, now_ms - ctx->config->log_retention_s * 1000, err);
    if (r == 0 && ctx->config->job_retention_s > 0)
        r = sweep_jobs(
            sweeper, db,
            retention_jobs_ms(ctx->config, now_ms) - slack_ms(ctx->config->job_retention_s), err);
    if (r < 0)
        return r;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, now_ms - INACTIVE_MS);
    return ob_db_write(db, OB_POINT_API_PAST_DEFINITIONS, STMT_PAST_DEFINITIONS, &p, NULL, err);
}

static void failed(int r, const ob_error *err, void *arg)
{
    const api_ctx *ctx = arg;
    if (r != -ECANCELED && atomic_load(&ctx->ready))
        ob_warn("retention.failed", "{s:s}", "error", err->text);
}

int retention_start(api_ctx *ctx, ob_error *err)
{
    const api_config *config = ctx->config;
    int64_t logs_ms =
        ob_sweeper_interval(config->log_retention_s > 0 ? config->log_retention_s : INT32_MAX);
    int64_t jobs_ms =
        ob_sweeper_interval(config->job_retention_s > 0 ? config->job_retention_s : INT32_MAX);
    return ob_sweeper_start(&(ob_sweeper_config){ .conninfo = config->pg,
                                                  .application = "openbatch-api retention",
                                                  .stmts = retention_stmts,
                                                  .every_ms = logs_ms < jobs_ms ? logs_ms : jobs_ms,
                                                  .sweep = sweep,
                                                  .failed = failed,
                                                  .arg = ctx },
                            &the_sweeper, err);
}

void retention_stop(api_ctx *ctx)
{
    (void)ctx;
    ob_sweeper_stop(the_sweeper);
    the_sweeper = NULL;
}
