/* The connection's internals: db_conn.c, below db_pipe.c, below db.c. */
#pragma once

#include "db_rules.h"
#include "ob/db.h"

struct ob_db {
    PGconn *conn;
    char *conninfo;
    char *application;
    char sqlstate[6]; /* of the last error */
    bool broken;      /* unusable although libpq may not know it yet */
    int timeout_ms;   /* of one statement; 0: none */

    ob_db_stmt *stmts; /* copies, prepared again by ob_db_reconnect */
    size_t n_stmts;

    bool in_pipe;
    bool pipe_has_begun; /* a transaction: BEGIN is queued */
    size_t n_queued;
    const char **queued; /* names for errors; borrowed from stmts or literal */
    size_t queued_room;
    int pipe_result; /* of the first statement that could not be queued */
    ob_error pipe_error;
};

/* code: NULL for none. */
void db_set_sqlstate(ob_db *db, const char *code);
/* The statement as it is remembered, or NULL. */
const ob_db_stmt *db_find_stmt(const ob_db *db, const char *name);
/* Turns a failed result (may be NULL: the connection's error) into an error; records the SQLSTATE
 * and a lost connection. */
int db_fail(ob_db *db, const PGresult *res, const char *what, ob_error *err);
/* The connection's own last error, on one line. */
void db_error_text(const ob_db *db, char *out, size_t size);
/* The connection cannot be used any more: its state on the other side is unknown. */
void db_break(ob_db *db);
/* Waits until a result can be read, sending what is queued meanwhile. deadline_ms: ob_mono_ms, 0 =
 * for ever. */
int db_wait(ob_db *db, int64_t deadline_ms, ob_error *err);
/* Queues a statement; no pipeline needed. */
int db_send(ob_db *db, const char *stmt, bool is_sql, const ob_params *p, ob_error *err);
/* Queues the preparation of a statement in the open pipeline. */
int db_pipe_prepare(ob_db *db, const ob_db_stmt *stmt, ob_error *err);
/* Fails when the connection cannot be used. */
int db_check(ob_db *db, ob_error *err);
/* Leaves a transaction that failed, so that the connection is clean. */
void db_rollback(ob_db *db);
