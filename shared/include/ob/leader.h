/* Leading a role (docs/architecture.md). One process leads, by an advisory lock that is tried and
 * never waited for. An epoch in the table 'leader' distinguishes leaders. Each transaction of a
 * leader begins with a fence that raises an error if another process has led since.
 *
 * Lock, epoch and all rounds use one connection. A frozen leader loses it: a standby ends a session
 * that has been idle for a second, and without a standby PostgreSQL does so after ten seconds. So
 * call ob_leader_keep at least every 250 ms, between steps of under 100 ms. A process that loses
 * the connection no longer leads. One owner thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/db.h"
#include "ob/error.h"

#define OB_LEADER_TRY_MS 250 /* how often to try, and to keep */

typedef struct ob_leader ob_leader;

/* role: "scheduler" or "scaler". stmts (borrowed): prepared on the connection. Does not connect
 * yet. */
ob_leader *ob_leader_new(const char *conninfo, const char *role, const ob_db_stmt *stmts);
/* Closes the connection, so another process can lead at once. */
void ob_leader_free(ob_leader *leader);

/* One try to lead; connects if needed. Ends the session of a holder that has been silent for more
 * than a second. Returns 1: this process leads, and its epoch is committed; 0: another process
 * leads. Errors: -EIO and others, retriable: try again. */
int ob_leader_try(ob_leader *leader, ob_error *err);
/* Stops leading and closes the connection. */
void ob_leader_drop(ob_leader *leader);

/* While leading: */

ob_db *ob_leader_db(ob_leader *leader);
int64_t ob_leader_epoch(const ob_leader *leader);
int64_t ob_leader_round(
    const ob_leader *leader); /* the last committed round; the number continues across epochs */
/* False: an earlier version, which counts nothing, has led since the tables were counted, and no
 * round of this leader has been committed yet (table leader, counted_round). */
bool ob_leader_counted(const ob_leader *leader);
/* Keeps the session alive if nothing was sent for a while. Errors: -EIO: leadership is lost. */
int ob_leader_keep(ob_leader *leader, ob_error *err);
/* Is another process of this role connected that could lead? */
int ob_leader_has_standby(ob_leader *leader, bool *ret, ob_error *err);

/* A round: begin opens a pipeline with BEGIN and the fence; the caller adds statements with
 * ob_db_pipe_add; commit sends the COMMIT, passes the point and reads all results. ret_results[i]
 * is the result of the caller's i-th statement (as in ob_db_pipe_sync; NULL and 0: not needed).
 * timeout_ms limits the wait. Errors: -ESTALE: another process has led since, so stop leading at
 * once; -EIO, -ETIMEDOUT: the connection and with it leadership is lost, and the outcome is
 * unknown; others: the round was rolled back, and the connection is usable. */
int ob_leader_begin(ob_leader *leader, ob_error *err);
int ob_leader_commit(ob_leader *leader,
                     ob_point point,
                     int timeout_ms,
                     PGresult **ret_results,
                     size_t n,
                     ob_error *err);
