/* ob/db.h on the simulated server: connections and their errors. Owns the connections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "sim_db_internal.h"

static ob_db *connections;

/* ---- Errors ---- */

void sim_set_sqlstate(ob_db *db, const char *code)
{
    size_t len = strnlen(code, sizeof(db->sqlstate) - 1);
    memcpy(db->sqlstate, code, len);
    db->sqlstate[len] = '\0';
}

int sim_lost(ob_db *db, const char *code, ob_error *err)
{
    sim_set_sqlstate(db, code);
    db->broken = true;
    pg_session_end(db->session, PG_CLOSED);
    return ob_fail_retry(err, EIO, "PostgreSQL: the connection was ended (%s)",
                         *code ? code : "closed unexpectedly");
}

int sim_no_answer(ob_db *db, ob_error *err)
{
    db->broken = true;
    pg_session_end(db->session, PG_CLOSED);
    return ob_fail_retry(err, ETIMEDOUT, "PostgreSQL: no answer in time");
}

int sim_check(ob_db *db, ob_error *err)
{
    if (!ob_db_ok(db))
        return ob_fail_retry(err, EIO, "PostgreSQL: the connection is lost");
    if (db->in_pipe)
        return ob_fail(err, EBUSY, "PostgreSQL: a pipeline is open on this connection");
    return 0;
}

sim_pg_fault sim_ask(const ob_db *db, sim_pg_moment moment, bool commits)
{
    sim_pg_call call = { .moment = moment,
                         .application = db->application,
                         .process = db->process,
                         .session = db->session ? db->session->id : 0,
                         .n = db->n,
                         .commits = commits };
    for (size_t i = 0; i < db->n; i++)
        if (!call.stmt || strcmp(db->items[i].text, COMMIT) != 0)
            call.stmt = db->items[i].text;
    return pg_hooks.at ? pg_hooks.at(&call, pg_hooks.arg) : SIM_PG_FINE;
}

/* ---- Connections ---- */

static int open_session(ob_db *db, ob_error *err)
{
    db->n = 0;
    db->in_pipe = db->broken = false;
    sim_set_sqlstate(db, "");
    sim_pg_fault fault = sim_ask(db, SIM_PG_CONNECT, false);
    pg_hooks.wait(2 * pg_hooks.latency_us, pg_hooks.arg);
    if (fault != SIM_PG_FINE || pg_is_away()) {
        db->broken = true;
        return ob_fail_retry(err, EIO, "PostgreSQL: connection refused");
    }
    db->session = pg_session_new(db->application);
    return 0;
}

int ob_db_connect(const char *conninfo, const char *application, ob_db **ret, ob_error *err)
{
    (void)conninfo;
    ob_db *db = ob_calloc(1, sizeof(*db));
    db->process = pg_hooks.process(pg_hooks.arg);
    (void)snprintf(db->application, sizeof(db->application), "%s", application);
    db->next = connections;
    connections = db;
    int r = open_session(db, err);
    if (r == 0)
        *ret = db;
    else
        ob_db_free(db);
    return r;
}

void ob_db_free(ob_db *db)
{
    if (!db)
        return;
    ob_db **at = &connections;
    while (*at != db)
        at = &(*at)->next;
    *at = db->next;
    pg_session_free(db->session);
    free(db->items);
    free(db);
}

void pg_connections_free(int process)
{
    for (ob_db *db = connections, *next; db; db = next) {
        next = db->next;
        if (process < 0 || db->process == process)
            ob_db_free(db);
    }
}

void ob_db_freep(ob_db **db)
{
    ob_db_free(*db);
}

PGconn *ob_db_raw(ob_db *db)
{
    (void)db;
    return NULL;
}

bool ob_db_ok(ob_db *db)
{
    return !db->broken;
}

void ob_db_set_timeout(ob_db *db, int timeout_ms)
{
    db->timeout_ms = timeout_ms;
}

const char *ob_db_sqlstate(const ob_db *db)
{
    return db->sqlstate;
}

int ob_db_reconnect(ob_db *db, ob_error *err)
{
    pg_session_free(db->session);
    db->session = NULL;
    return open_session(db, err);
}
