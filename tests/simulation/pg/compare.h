/* Runs the same on the real and on the simulated PostgreSQL, and compares (pairs.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "declared.h"
#include "ob/db.h"

/* ob/db.h of one of them. */
typedef struct db_side {
    int (*connect)(const char *conninfo, const char *application, ob_db **ret, ob_error *err);
    void (*free)(ob_db *db);
    bool (*ok)(ob_db *db);
    int (*prepare)(ob_db *db, const ob_db_stmt *stmts, ob_error *err);
    int (*exec)(ob_db *db, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err);
    int (*sql)(ob_db *db, const char *sql, const ob_params *p, PGresult **ret, ob_error *err);
    int (*write)(ob_db *db,
                 ob_point point,
                 const char *stmt,
                 const ob_params *p,
                 PGresult **ret,
                 ob_error *err);
    int (*commit)(ob_db *db, ob_point point, ob_error *err);
    const char *(*sqlstate)(const ob_db *db);
    int (*pipe_begin)(ob_db *db, ob_error *err);
    int (*pipe_sql)(ob_db *db, const char *sql, ob_error *err);
    int (*pipe_add)(ob_db *db, const char *stmt, const ob_params *p, ob_error *err);
    int (*pipe_sync)(ob_db *db, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err);
    int (*pipe_commit)(
        ob_db *db, ob_point point, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err);
} db_side;
extern const db_side real_side, sim_side;

/* What the services declare (tools/embed_queries.py). */
extern const declared scheduler_declarations[], scaler_declarations[], shared_declarations[],
    api_declarations[];
/* A service's statement; fails the test if there is none. */
const declared *declared_find(const declared *of, const char *name);

/* A connection to each. */
typedef struct pair {
    const char *service;
    const declared *declarations; /* the service's; shared ones are prepared, too */
    ob_db *real, *sim;
    ob_db_stmt *own, *shared; /* what is prepared */
} pair;

void pair_open(pair *p, const char *conninfo);
void pair_close(pair *p);
/* One statement, or plain SQL (d NULL). Returns the number of rows that the real one returned or
 * changed; -1: an error, the same. */
int pair_exec(pair *p, const declared *d, const char *sql, const ob_params *params);
/* A pipeline from BEGIN to COMMIT. Returns 0 or -1. */
int pair_pipeline(
    pair *p, const declared *const *stmts, const ob_params *params, size_t n, bool commits);

/* The same results? Fails the test, with 'what'. ordered: the order counts. */
void compare_results(const char *what, bool ordered, const PGresult *real, const PGresult *sim);
/* The same committed rows in all tables? */
void compare_tables(ob_db *real);
/* Before another history: what the results have shown so far is forgotten. */
void compare_forget(void);

/* ---- Random parameters (compare_params.c) ---- */

uint64_t pick(uint64_t n); /* below n */
void pick_seed(uint64_t seed);
const char *pick_text(void);
ob_uuid pick_uuid(void);
int64_t pick_int(void);
void pick_params(const declared *d, ob_params *p);

/* ---- Requests of clients (compare_clients.c) ---- */

/* A random one, on both. api: a connection to the real one. */
void clients_prepare(ob_db *api);
void clients_request(ob_db *api);
