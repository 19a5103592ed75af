/* Every SQL statement of the api's job operations. */
#pragma once

#include "ob/db.h"
#include "submit.h"

/* Statements of the submitting thread's connection, and of the workers'. */
extern const ob_db_stmt job_store_submit_stmts[];
extern const ob_db_stmt job_store_stmts[];

/* Inserts 'n' submissions with their inbox rows in one statement. inserted[i]: whether it was; not
 * so when its queue takes no jobs, its definition is not active or, if so wanted, not the latest,
 * or its invocation id is known. */
int job_store_submit(
    ob_db *db, const submission *const *jobs, size_t n, bool *inserted, ob_error *err);
/* The job an invocation id made within the window. Errors: -ENOENT. */
int job_store_find_once(ob_db *db,
                        const submission *job,
                        int64_t window_ms,
                        ob_uuid *ret_id,
                        bool *ret_same_body,
                        ob_error *err);
int job_store_forget_once(ob_db *db, int64_t before_ms, ob_error *err);
int job_store_exists(ob_db *db, const ob_uuid *id, bool *ret, ob_error *err);

/* A request to cancel (terminate false) or terminate, durable in the inbox; jobs that are unknown
 * in this scope or ended are left alone. scope: the beginning of job.detail that jobs of this
 * account and region have (job_detail_scope). *ret_written: whether there is something to do. */
int job_store_stop(ob_db *db,
                   const ob_job_ref *job,
                   const char *scope,
                   bool terminate,
                   const char *reason,
                   bool *ret_written,
                   ob_error *err);

/* Rows of DescribeJobs, one for each known reference, in the order asked (columns: JOB_COL_*). *ret
 * is new. */
int job_store_describe(ob_db *db, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err);

/* Pages of ListJobs: jobs of a queue in a state, newest first, ids below 'before' (NULL: all);
 * children of an array in a state, from index 'from'. */
int job_store_list_queue(ob_db *db,
                         int64_t queue_id,
                         ob_job_state state,
                         const ob_uuid *before,
                         int limit,
                         PGresult **ret,
                         ob_error *err);
int job_store_list_children(ob_db *db,
                            const ob_uuid *array,
                            const char *scope,
                            ob_job_state state,
                            int32_t from,
                            int limit,
                            PGresult **ret,
                            ob_error *err);

/* Is this an array job of the scope? */
int job_store_array_exists(
    ob_db *db, const ob_uuid *array, const char *scope, bool *ret, ob_error *err);

/* Columns of the job rows that the three return. */
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
};
