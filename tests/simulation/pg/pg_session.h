/* What the connections (sim_db.c) and the clients (pg_clients.c) ask of the server. */
#pragma once

#include "pg_internal.h"

/* What ended a session or a statement, beside PostgreSQL's own codes. */
#define PG_CLOSED ""           /* the connection broke */
#define PG_NO_ANSWER "timeout" /* before the caller's limit */

extern sim_pg_hooks pg_hooks;

bool pg_is_away(void);
/* Ends the sessions that have been idle for too long. */
void pg_expire(void);
pg_session *pg_session_new(const char *application);
void pg_session_free(pg_session *s);
/* A transaction begins: with BEGIN, or with a statement outside of one. */
void pg_begin(pg_session *s);
void pg_commit(pg_session *s);
void pg_rollback(pg_session *s);
/* Runs a statement, waits for locks. limit_us: of the caller; 0: none. *stop: set if it failed;
 * then what it has changed is undone and *ret is NULL. The session may have ended meanwhile. */
void pg_run_statement(pg_session *s,
                      const pg_statement *st,
                      const pg_args *args,
                      int64_t limit_us,
                      PGresult **ret,
                      pg_stop *stop);
/* Connections of a process (-1: all): freed without a word to the server. */
void pg_connections_free(int process);
