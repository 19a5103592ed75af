/* The SQL statements of the api's job operations; those of ListJobs: job_list.h. */
#pragma once

#include "job_detail_text.h"
#include "ob/db.h"
#include "ob/job.h"

extern const ob_db_stmt job_store_stmts[];

/* The queue of that name, one row or none; a deleted one while it is DELETING. *ret is new. */
enum {
    QUEUE_COL_ID,
    QUEUE_COL_VERSION,
    QUEUE_COL_ENABLED,
    QUEUE_COL_DELETING,
    QUEUE_COL_FAIR_SHARE,
    QUEUE_COL_FARGATE,
};
int job_store_find_queue(ob_db *db,
                         const char *account,
                         const char *region,
                         const char *name,
                         PGresult **ret,
                         ob_error *err);

/* In what follows, scope is the beginning of job.detail that jobs of an account and region have
 * (job_detail_scope); others are not seen. */

/* Rows (id, array size; 0: a single job) of those of the ids that there are, but for jobs that
 * ended before 'gone_ms'. *ret is new. */
int job_store_sizes(ob_db *db,
                    const ob_uuid *ids,
                    size_t n,
                    const char *scope,
                    int64_t gone_ms,
                    PGresult **ret,
                    ob_error *err);

/* Requests to cancel (terminate false) or terminate, durable in the inbox; jobs that are unknown or
 * ended are left alone. *ret_written: whether there is something to do. */
int job_store_stop(ob_db *db,
                   const ob_job_ref *jobs,
                   size_t n,
                   const char *scope,
                   bool terminate,
                   const char *reason,
                   bool *ret_written,
                   ob_error *err);

/* Rows of DescribeJobs, one for each known reference, in the order asked (columns: JOB_COL_*). *ret
 * is new. */
int job_store_describe(ob_db *db, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err);

/* Is this an array job of the scope? */
int job_store_array_exists(
    ob_db *db, const ob_uuid *array, const char *scope, bool *ret, ob_error *err);

/* May a job of this share come into a fair-share queue, of which 'max' shares may be active? Shares
 * that the scheduler has not seen yet are not counted. */
int job_store_share_fits(
    ob_db *db, int64_t queue_id, const char *share, int max, bool *ret, ob_error *err);

/* What the scheduler wrote of the front of a queue: one row (body, updated_at_ms) or none. *ret is
 * new. */
int job_store_snapshot(ob_db *db, int64_t queue_id, PGresult **ret, ob_error *err);

/* Columns of the rows of jobs. */
enum {
    JOB_COL_ID,
    JOB_COL_INDEX,
    JOB_COL_ARRAY_SIZE,
    JOB_COL_DEFINITION,
    JOB_COL_DETAIL,
    JOB_COL_STATE,
    JOB_COL_REASON,
    JOB_COL_STARTED,
    JOB_COL_STOPPED,
    JOB_COL_FLAGS,
    JOB_COL_RUN,
    JOB_COL_INSTANCE,
    JOB_COL_CLUSTER,
    JOB_COL_COUNTS,
    JOB_COL_ATTEMPTS, /* JSON [[attempt, run, instance, cluster, exit, container reason, reason,
                         started, stopped], ...] */
    JOB_COL_TAGS,     /* JSON: all its tags, when they have changed since it was submitted */
    JOB_COL_POSITION, /* job_list.h only: where a page that ends with this row ends */
};
