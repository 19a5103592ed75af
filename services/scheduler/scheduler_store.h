/* Calls of the scheduler's statements (sql/queries), which name the columns of what they return.
 * The round's transaction is built in commit.c. */
#pragma once

#include "ended_sql.h"
#include "inbox_sql.h"
#include "ob/db.h"
#include "ob/rows.h"
#include "publish_sql.h"
#include "recover_sql.h"
#include "stops_sql.h"
#include "topology_sql.h"
#include "traces_sql.h"

/* ---- Reading; each *ret is new, PQclear it ---- */

/* *ret: JOB_*, INBOX_*; without a job when the row names none. */
int store_inbox(ob_db *db, int limit, PGresult **ret, ob_error *err);

/* ids NULL: all. *ret: QUEUE_* */
int store_queues(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err);
/* *ret: CE_* */
int store_ces(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err);
/* ids NULL: all that are not TERMINATED, and what has runs on it. *ret: INSTANCE_* */
int store_instances(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err);

/* ---- Loading: pages behind a key ---- */

/* *ret: JOB_*, LIVE_* */
int store_live_page(ob_db *db,
                    const ob_uuid *after_id,
                    int32_t after_idx,
                    int limit,
                    PGresult **ret,
                    ob_error *err);
/* Those of these jobs that have ended, by id. *ret: ENDED_* */
int store_ended(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err);
/* Children from[i] to to[i] (included) of arrays[i] that have ended and a row of their own,
 * each once, in order. *ret: CHILD_* */
int store_children(ob_db *db,
                   const ob_uuid *arrays,
                   const int32_t *from,
                   const int32_t *to,
                   size_t n,
                   PGresult **ret,
                   ob_error *err);
/* Children of these parents that have ended. *ret: CHILD_* */
int store_done_children(ob_db *db, const ob_uuid *parents, size_t n, PGresult **ret, ob_error *err);
/* *ret: REASON_* */
int store_class_reasons(ob_db *db, PGresult **ret, ob_error *err);
/* *ret: SHARE_* */
int store_share_usages(ob_db *db, PGresult **ret, ob_error *err);
/* *ret: SNAPSHOT_* */
int store_snapshots(ob_db *db, PGresult **ret, ob_error *err);
/* Queues whose jobs were never counted; whole: also the others. *ret: UNCOUNTED_* */
int store_uncounted(ob_db *db, bool whole, PGresult **ret, ob_error *err);
/* A page of the jobs of a queue that have ended in that state, by id. *ret: PAST_* */
int store_ended_page(ob_db *db,
                     int64_t queue_id,
                     ob_job_state state,
                     const ob_uuid *after_id,
                     int limit,
                     PGresult **ret,
                     ob_error *err);

/* ---- Stopping all that match ---- */

/* Requests that have begun and are not finished. *ret: STOP_* */
int store_stop_open(ob_db *db, PGresult **ret, ob_error *err);
/* Requests that nobody would begin. *ret: STOP_LOST_* */
int store_stop_lost(ob_db *db, PGresult **ret, ob_error *err);
/* Which jobs a request means. Texts may be NULL: any. */
typedef struct stop_filter {
    int64_t queue_id, created_at_ms;
    int32_t states; /* bit n: ob_job_state n */
    const char *name_prefix, *definition, *share;
    int32_t revision; /* 0: any */
} stop_filter;
/* A page of living jobs, after that one: which of them match? *ret: STOP_PAGE_* */
int store_stop_page(ob_db *db,
                    const stop_filter *filter,
                    const ob_uuid *after_id,
                    int limit,
                    PGresult **ret,
                    ob_error *err);

/* ---- Publishing ---- */

int store_watermark(
    ob_db *db, int64_t *ret_round, int32_t *ret_n, int64_t *ret_topic_end, ob_error *err);
/* Moves it forward, while 'epoch' leads. */
int store_move_watermark(
    ob_db *db, int64_t epoch, int64_t round, int32_t n, int64_t topic_end, ob_error *err);
/* *ret: EVENT_* */
int store_events(
    ob_db *db, int64_t after_round, int32_t after_n, int limit, PGresult **ret, ob_error *err);
/* Those of these jobs that are still there. *ret: SUBJECT_* */
int store_subjects(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err);
/* Attempts of these jobs, in order. *ret: ATTEMPT_* */
int store_attempts(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err);
/* What is known of the pods of these jobs. *ret: POD_* */
int store_pods(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err);
/* Jobs that ended within that time before the event (round, n), and after the event (after_round,
 * after_n), as far as the last 'limit' events say so. *ret: LAST_END_* */
int store_last_ends(ob_db *db,
                    int64_t after_round,
                    int32_t after_n,
                    int64_t round,
                    int32_t n,
                    int limit,
                    int64_t within_ms,
                    PGresult **ret,
                    ob_error *err);

/* ---- Traces ---- */

/* Those of these jobs that have ended and are still there, by id. *ret: TRACED_* */
int store_traced_jobs(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err);
/* Children of the array, those that failed first. *ret: TRACED_CHILD_* */
int store_traced_children(
    ob_db *db, const ob_uuid *array, int limit, PGresult **ret, ob_error *err);
/* Attempts of these jobs, in order. *ret: TRACED_ATTEMPT_* */
int store_traced_attempts(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err);
