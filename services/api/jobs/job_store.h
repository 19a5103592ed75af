/* Jobs in PostgreSQL; pages of them: job_list.h. */
#pragma once

#include "job_detail_text.h"
#include "jobs_sql.h"
#include "ob/db.h"
#include "ob/job.h"
#include "request/arn.h"

/* Whose jobs are seen: those of others are as if they were not there. */
typedef struct job_scope {
    const char *account, *region;
} job_scope;

/* Rows (JOB_SIZE_COL_*; size 0: a single job) of those of the ids that there are, but for jobs that
 * ended before 'gone_ms'. *ret is new. */
int job_store_sizes(ob_db *db,
                    job_scope scope,
                    const ob_uuid *ids,
                    size_t n,
                    int64_t gone_ms,
                    PGresult **ret,
                    ob_error *err);

/* How jobs are stopped, and why. */
typedef struct job_stop {
    bool terminate; /* also what runs; false: cancel */
    const char *reason;
} job_stop;

/* Stores requests to stop jobs in the inbox; unknown or ended jobs are left alone. *ret_written: is
 * there something to do? */
int job_store_stop(ob_db *db,
                   job_scope scope,
                   const ob_job_ref *jobs,
                   size_t n,
                   job_stop how,
                   bool *ret_written,
                   ob_error *err);

/* Rows of DescribeJobs, one for each known reference, in the order asked (columns: JOB_COL_*). *ret
 * is new. */
int job_store_describe(
    ob_db *db, job_scope scope, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err);

/* Rows of DescribeAttempts, likewise (columns: ATTEMPTS_COL_*). *ret is new. */
int job_store_attempts(
    ob_db *db, job_scope scope, const ob_job_ref *refs, size_t n, PGresult **ret, ob_error *err);

/* Asks the scheduler who waits for the job, or the child. *ret_seq: the question's number; 0: it
 * has ended, or there is none. */
int job_store_ask(
    ob_db *db, job_scope scope, const ob_job_ref *job, int64_t *ret_seq, ob_error *err);
/* Its answer: one row (ANSWER_COL_*), or none yet. *ret is new. */
int job_store_answer(ob_db *db, int64_t seq, PGresult **ret, ob_error *err);
/* Rows of ListDependents (DEPENDENT_COL_*), in the order of the ids. *ret is new. */
int job_store_dependents(
    ob_db *db, job_scope scope, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err);

/* Is this an array job of the scope? */
int job_store_array_exists(
    ob_db *db, job_scope scope, const ob_uuid *array, bool *ret, ob_error *err);

/* How long its children ran (ARRAY_TIMES_COL_*), in at most 'bars' + 1 bars. *ret is new. */
int job_store_array_times(
    ob_db *db, job_scope scope, const ob_uuid *array, int bars, PGresult **ret, ob_error *err);

/* How all children of an array are: one row (ARRAY_COL_*), or none if it is no array job of the
 * scope. etag: of an answer that the caller has, or NULL. *ret is new. */
int job_store_array_states(ob_db *db,
                           job_scope scope,
                           const ob_uuid *array,
                           const char *etag,
                           PGresult **ret,
                           ob_error *err);

/* Which jobs of a queue are to be stopped, and how. Texts may be NULL: any. */
#define STOPS_OPEN_MAX 20       /* requests of a region that are not finished */
#define STOPS_OPEN_QUEUE_MAX 5  /* of a queue, so that one cannot take the places of all */
#define STOPS_KEPT_MS 604800000 /* a week after they were finished */
#define STOPS_KEPT_MAX 100      /* of a queue: rounds look at all that are kept */
typedef struct job_mass_stop {
    int64_t queue_id;
    int states; /* bit n: ob_job_state n */
    const char *name_prefix;
    char definition[API_NAME_MAX]; /* "": any */
    int revision;                  /* 0: any */
    const char *share;
    job_stop how;
} job_mass_stop;

/* Stores the request, and a row of the inbox. *ret_id: 0: too many are not finished. */
int job_store_mass_stop(
    ob_db *db, job_scope scope, const job_mass_stop *m, int64_t *ret_id, ob_error *err);
/* A request of a queue, and how far it is: one row (STOP_STATE_COL_*), or none. *ret is new. */
int job_store_mass_stop_get(
    ob_db *db, job_scope scope, int64_t queue_id, int64_t id, PGresult **ret, ob_error *err);
