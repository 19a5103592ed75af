/* Every SQL statement of the scheduler, and the simple ones' calls. The round's transaction is
 * built in commit.c. */
#pragma once

#include "ob/db.h"
#include "ob/rows.h"
#include "publish_sql.h"

/* Statements of the leading connection (ob/leader.h); those of the publisher's are in
 * sql/queries/publish.sql. */
extern const ob_db_stmt scheduler_statements[];

/* ---- Reading; each *ret is new, PQclear it ---- */

int store_inbox(ob_db *db, int limit, PGresult **ret, ob_error *err);
enum {
    INBOX_SEQ,
    INBOX_KIND,
    INBOX_JOB,
    INBOX_IDX,
    INBOX_REF,
    INBOX_REASON,
    INBOX_QUEUE,
    INBOX_ARRAY_SIZE,
    INBOX_MCPU,
    INBOX_MEM,
    INBOX_GPUS,
    INBOX_CREATED,
    INBOX_ATTEMPTS,
    INBOX_ON_EXIT,
    INBOX_TIMEOUT,
    INBOX_SHARE,
    INBOX_PRIORITY,
    INBOX_FAILURE,
    INBOX_DEP_IDS, /* these three: named_columns */
    INBOX_DEP_IDXS,
    INBOX_DEP_TYPES,
    INBOX_JOB_KIND,
};

/* ids NULL: all. */
int store_queues(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err);
enum {
    QUEUE_ID,
    QUEUE_NAME,
    QUEUE_PRIORITY,
    QUEUE_ENABLED,
    QUEUE_DELETING,
    QUEUE_CES,
    QUEUE_VERSION,
    QUEUE_KNOWN_VERSION,
    QUEUE_FAIR,
    QUEUE_POLICY,
    QUEUE_TIME_LIMITS,
};
int store_ces(ob_db *db, const int64_t *ids, size_t n, PGresult **ret, ob_error *err);
enum {
    CE_ID,
    CE_NAME,
    CE_CLUSTER,
    CE_ENABLED,
    CE_VALID,
    CE_MAX_VCPUS,
    CE_SHAPES,
    CE_LACKING,
    CE_EXACT,
    CE_UNMANAGED,
    CE_SHARE_VCPUS,
};
/* ids NULL: all that are not TERMINATED, and what has runs on it. */
int store_instances(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err);
enum {
    INSTANCE_ID,
    INSTANCE_CE,
    INSTANCE_MCPU,
    INSTANCE_MEM,
    INSTANCE_GPUS,
    INSTANCE_VCPUS,
    INSTANCE_STATE,
    INSTANCE_TOKEN_HASH,
    INSTANCE_JOINED,   /* nobody launched it, so nobody but its executor can end it */
    INSTANCE_DOUBTFUL, /* LAUNCHING, and may never come */
};

/* ---- Loading: pages behind a key ---- */

int store_live_page(ob_db *db,
                    const ob_uuid *after_id,
                    int32_t after_idx,
                    int limit,
                    PGresult **ret,
                    ob_error *err);
enum {
    LIVE_JOB,
    LIVE_IDX,
    LIVE_STATE,
    LIVE_RUN,
    LIVE_ATTEMPT,
    LIVE_INSTANCE,
    LIVE_STARTED,
    LIVE_RUNNABLE,
    LIVE_FLAGS,
    LIVE_STOP_REASON,
    LIVE_BULK_STATE,
    LIVE_BULK_REASON,
    LIVE_QUEUE,
    LIVE_ARRAY_SIZE,
    LIVE_MCPU,
    LIVE_MEM,
    LIVE_GPUS,
    LIVE_CREATED,
    LIVE_ATTEMPTS,
    LIVE_ON_EXIT,
    LIVE_TIMEOUT,
    LIVE_SHARE,
    LIVE_PRIORITY,
    LIVE_ORDER,
    LIVE_RUNNING_FOR, /* ms */
    LIVE_WAITS,
    LIVE_DEP_IDS, /* these three: named_columns; NULL when it waits for nothing */
    LIVE_DEP_IDXS,
    LIVE_DEP_TYPES,
    LIVE_TOLD,
    LIVE_JOB_KIND,
};
/* Those of these jobs that have ended, by id. */
int store_ended(ob_db *db, const ob_uuid *ids, size_t n, PGresult **ret, ob_error *err);
enum { DONE_JOB, DONE_STATE, DONE_BULK_STATE, DONE_ARRAY_SIZE };
/* Children from[i] to to[i] (included) of arrays[i] that have ended and a row of their own: job,
 * idx, state; each once, in order. */
int store_children(ob_db *db,
                   const ob_uuid *arrays,
                   const int32_t *from,
                   const int32_t *to,
                   size_t n,
                   PGresult **ret,
                   ob_error *err);
/* Children of these parents that have ended: job, idx, state. */
int store_done_children(ob_db *db, const ob_uuid *parents, size_t n, PGresult **ret, ob_error *err);
/* queue, mcpu, mem, gpus, share, priority, reason, since. */
int store_class_reasons(ob_db *db, PGresult **ret, ob_error *err);
/* queue, share, usage, at, active. */
int store_share_usages(ob_db *db, PGresult **ret, ob_error *err);
/* queue, body. */
int store_snapshots(ob_db *db, PGresult **ret, ob_error *err);

/* ---- Publishing ---- */

int store_watermark(
    ob_db *db, int64_t *ret_round, int32_t *ret_n, int64_t *ret_topic_end, ob_error *err);
/* Moves it forward, while 'epoch' leads. */
int store_move_watermark(
    ob_db *db, int64_t epoch, int64_t round, int32_t n, int64_t topic_end, ob_error *err);
int store_events(
    ob_db *db, int64_t after_round, int32_t after_n, int limit, PGresult **ret, ob_error *err);
/* Attempts of these jobs, in order. */
int store_attempts(
    ob_db *db, const ob_uuid *ids, const int32_t *idxs, size_t n, PGresult **ret, ob_error *err);
