/* The connections' inside: sim_conn.c, below sim_trip.c, below sim_db.c. */
#pragma once

#include "db_rules.h"
#include "pg_session.h"

#define TABLES_MAX 8

/* What is to be sent. */
typedef struct item {
    const char *text;         /* the statement's name, or SQL */
    const pg_statement *stmt; /* NULL: SQL */
    pg_args args;
} item;

/* What a name means on this connection. */
#define NAMES_MAX 64
typedef struct known_name {
    const char *text; /* as it was given; the same pointer may be of another text now */
    const pg_statement *stmt;
    bool writes;
} known_name;

struct ob_db {
    ob_db *next;
    int process;
    char application[64];
    pg_session *session;
    char sqlstate[6];
    bool broken;
    int timeout_ms;

    const ob_db_stmt *tables[TABLES_MAX]; /* prepared; borrowed */
    size_t n_tables;
    known_name names[NAMES_MAX]; /* by the pointer's bits */

    bool in_pipe;
    bool pipe_has_begun; /* BEGIN is queued */
    item *items;         /* what is to be sent */
    size_t n, room;
    int pipe_result; /* of the first statement that could not be queued */
    ob_error pipe_error;
};

void sim_set_sqlstate(ob_db *db, const char *code);
/* Asks the hook for a fault. */
sim_pg_fault sim_ask(const ob_db *db, sim_pg_moment moment, bool commits);
/* The connection is lost: by the server's word (its code), or without one (PG_CLOSED). */
int sim_lost(ob_db *db, const char *code, ob_error *err);
int sim_no_answer(ob_db *db, ob_error *err);
/* Fails when the connection cannot be used. */
int sim_check(ob_db *db, ob_error *err);
/* Sends what is queued, and waits. results: room for all of it; on failure some may be there. */
int sim_round_trip(ob_db *db, int timeout_ms, PGresult **results, ob_error *err);
