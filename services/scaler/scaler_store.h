/* Calls of the scaler's statements (sql/queries), which name the columns of what they return. Reads
 * come first; writes are fenced rounds of the leader.
 * Errors of writes are those of ob_leader_commit. */
#pragma once

#include <stdint.h>

#include "ce_usage.h"
#include "environments_sql.h"
#include "instances_sql.h"
#include "ob/db.h"
#include "ob/job.h"
#include "ob/leader.h"

/* ---- Reading; each *ret is new, PQclear it ---- */

/* Environments that exist, or that have something left to remove. */
int store_envs(ob_db *db, PGresult **ret, ob_error *err);
/* Instances that have not ended, in id order. *ret: INSTANCE_ROW_* */
int store_all_instances(ob_db *db, PGresult **ret, ob_error *err);
/* What is placed on them. *ret: USE_* */
int store_use(ob_db *db, PGresult **ret, ob_error *err);
/* Inbox rows for the scaler. *ret: INBOX_* */
int store_requests(ob_db *db, PGresult **ret, ob_error *err);
/* Those of 'ids' without a placement. *ret: id. */
int store_empty(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err);

/* ---- Writing ---- */

typedef struct store_status {
    int64_t ce_id, version;
    int32_t desired_vcpus;
    bool valid;
    const char *reason, *shapes, *lacking; /* lacking: may be NULL */
} store_status;
typedef struct store_statuses {
    const store_status *put;
    size_t n;
    const int64_t *gone; /* environments: their rows are removed */
    size_t n_gone;
    const int64_t *inbox; /* rows acted on: they are removed */
    size_t n_inbox;
} store_statuses;
int store_put_status(ob_leader *leader, const store_statuses *what, ob_error *err);

int store_put_usage(ob_leader *leader, const ce_usage *rows, size_t n, ob_error *err);

typedef struct store_instance {
    const char *id, *type, *key_salt, *launch_hash;
    int64_t ce_id;
    bool spot, may_fail;
    const char *node_name, *node_uid; /* NULL: it is no node */
    ob_resources size;
    int32_t vcpus;
} store_instance;
/* New instances, LAUNCHING. */
int store_insert(ob_leader *leader, const store_instance *rows, size_t n, ob_error *err);
typedef struct store_joining {
    const char *id, *ce; /* the environment's name */
    const char *join_hash, *key_salt;
    ob_resources size;
} store_joining;
/* An instance of an executor that was started by hand, LAUNCHING, if its join token is one of that
 * environment and its id is new. *ret_ce: the environment, 0: refused. */
int store_join(ob_leader *leader, const store_joining *row, int64_t *ret_ce, ob_error *err);
/* Clears the doubtful mark of those of 'ids' that have it. *ret: the ids. */
int store_found(ob_leader *leader, const char *const *ids, size_t n, PGresult **ret, ob_error *err);
typedef struct store_size {
    const char *id;
    ob_resources size;
} store_size;
/* Changes the sizes of those that are not lost. *ret: MOVED_* */
int store_resize(
    ob_leader *leader, const store_size *rows, size_t n, PGresult **ret, ob_error *err);
/* The salt of the instance's key. */
int store_key(ob_leader *leader, const char *id, const char *salt, ob_error *err);

/* Those of 'ids' that are DRAINING, past their deadline, and have a run. *ret: OVERDUE_* */
int store_overdue(ob_db *db, const char *const *ids, size_t n, PGresult **ret, ob_error *err);

/* One move of several instances. */
typedef struct store_move {
    unsigned from; /* of those in one of these states, a bit each: 1 << state */
    ob_instance_state to;
    const char *reason;  /* NULL: it stays as it is */
    int64_t deadline_ms; /* sets deadline_at, from now, unless it is earlier; -1: leaves it */
} store_move;
/* *ret: MOVED_*, those that were moved. */
int store_advance(ob_leader *leader,
                  const char *const *ids,
                  size_t n,
                  const store_move *move,
                  PGresult **ret,
                  ob_error *err);
/* Terminates those of 'ids' that are DRAINING or LOST and have no run. *ret: MOVED_* */
int store_end_empty(
    ob_leader *leader, const char *const *ids, size_t n, PGresult **ret, ob_error *err);
