/* Leading a role (docs/architecture.md): one process leads, by an advisory lock that is tried,
 * never waited for; an epoch in the table 'leader' tells leaders apart; each transaction of a
 * leader opens with a fence that raises when another has led since.
 *
 * Lock, epoch and all rounds use one connection. A frozen leader loses it: a standby ends a session
 * that is idle for a second, and where there is none PostgreSQL does so after ten. So call
 * ob_leader_keep at least every 250 ms, between steps of under 100 ms. Losing the connection is
 * losing leadership. One owner thread. */
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
/* Closes the connection, which lets another lead at once. */
void ob_leader_free(ob_leader *leader);

/* One try while not leading; connects when needed. Ends the session of a holder that has been
 * silent for over a second. Returns 1: this process leads, its epoch is committed; 0: another
 * leads. Errors: -EIO and others, retriable: try again. */
int ob_leader_try(ob_leader *leader, ob_error *err);
/* Ends leading (and closes the connection). */
void ob_leader_drop(ob_leader *leader);

/* While leading: */

ob_db *ob_leader_db(ob_leader *leader);
int64_t ob_leader_epoch(const ob_leader *leader);
int64_t ob_leader_round(const ob_leader *leader); /* the last one committed; counts over epochs */
/* Keeps the session alive when nothing was sent for a while. Errors: -EIO: leadership is lost. */
int ob_leader_keep(ob_leader *leader, ob_error *err);
/* Is another process of this role connected, which could lead? */
int ob_leader_has_standby(ob_leader *leader, bool *ret, ob_error *err);

/* A round: begin opens a pipeline with BEGIN and the fence; the caller adds statements with
 * ob_db_pipe_add; commit sends the COMMIT and reads all. ret_results[i] is the result of the
 * caller's i-th statement (as ob_db_pipe_sync; NULL and 0: not wanted). timeout_ms bounds the wait.
 * Errors: -ESTALE: another has led since, stop leading at once; -EIO, -ETIMEDOUT: the connection is
 * lost and with it leadership, the outcome is unknown; others: the round was undone, the connection
 * lives. */
int ob_leader_begin(ob_leader *leader, ob_error *err);
int ob_leader_commit(
    ob_leader *leader, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err);
