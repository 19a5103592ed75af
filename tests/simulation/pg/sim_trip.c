/* A round trip of the simulated connection: what is queued is sent, waits half a round trip, is run
 * in one instant, and its answer waits the other half. Faults come before, at the commit, and
 * behind it. Owns nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "schema_sql.h"
#include "session_sql.h"
#include "sim_db_internal.h"

/* ---- Plain SQL ---- */

static int64_t limit_of(const char *value)
{
    char *unit;
    int64_t n = strtoll(value + strspn(value, " ='"), &unit, 10);
    return strncmp(unit, "ms", 2) == 0 ? n : n * 1000;
}

/* SET a = b; SET c = d. Settings for the planner change nothing here. */
static void set(pg_session *s, const char *sql)
{
    static const char *const ignored[] = { "plan_cache_mode", "jit", "synchronous_commit" };
    for (const char *at = sql; (at = strstr(at, "SET "));) {
        at += strlen("SET ");
        size_t len = strcspn(at, " =");
        bool known = false;
        for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
            known |= strncmp(at, ignored[i], len) == 0;
        if (strncmp(at, "idle_session_timeout", len) == 0)
            s->idle_session_ms = limit_of(at + len);
        else if (strncmp(at, "idle_in_transaction_session_timeout", len) == 0)
            s->idle_transaction_ms = limit_of(at + len);
        else if (strncmp(at, "lock_timeout", len) == 0)
            s->lock_ms = limit_of(at + len);
        else if (!known) {
            (void)fprintf(stderr, "simulated PostgreSQL: unknown setting: %s\n", at);
            abort();
        }
    }
}

/* SQL whose answer is a row with the same value in each column. */
static PGresult *row_of(const char *columns, const char *value)
{
    pg_out out;
    pg_run run = { .out = &out };
    pg_out_begin(&out, columns);
    pg_out_row(&run);
    for (int i = 0; i < PQnfields(out.result); i++)
        pg_put_text(&run, value);
    return out.result;
}

/* SQL other than BEGIN, COMMIT and ROLLBACK. */
static PGresult *run_sql(pg_session *s, const char *sql)
{
    if (strcmp(sql, "SELECT 1") == 0)
        return row_of("?column?", "1");
    if (strcmp(sql, SQL_SCHEMA_MADE) == 0)
        return row_of("number", "1");
    if (strcmp(sql, SQL_SCHEMA_VERSION) == 0)
        return row_of("number", pg_textf("%d", OB_SCHEMA_VERSION));
    if (strcmp(sql, SQL_SESSION_BY_KEYS) == 0)
        return row_of("set_config,set_config,set_config,set_config,set_config", "off");
    set(s, sql);
    s->changed_us = pg_now_us();
    return PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
}

/* ---- A round trip ---- */

/* A refusal that a hook has asked for. NULL: none. */
static const char *refusal(sim_pg_fault fault)
{
    switch (fault) {
    case SIM_PG_DEADLOCK:
        return "40P01";
    case SIM_PG_CONFLICT:
        return "40001";
    case SIM_PG_FULL:
        return "53100";
    case SIM_PG_FINE:
    case SIM_PG_BROKEN:
    case SIM_PG_TIMEOUT:
    case SIM_PG_ENDED:
        break;
    }
    return NULL;
}

/* A fault at a moment at which no statement is refused. 0: none. */
static int fail_at(ob_db *db, sim_pg_fault fault, int64_t limit_us, ob_error *err)
{
    if (fault == SIM_PG_ENDED)
        return sim_lost(db, "57P01", err);
    if (fault == SIM_PG_BROKEN || (fault == SIM_PG_TIMEOUT && limit_us == 0))
        return sim_lost(db, PG_CLOSED, err);
    if (fault != SIM_PG_TIMEOUT)
        return 0;
    pg_hooks.wait(limit_us, pg_hooks.arg);
    return sim_no_answer(db, err);
}

/* Commits, if the hook does not mind. */
static int commit(ob_db *db, int64_t limit_us, ob_error *err)
{
    pg_session *s = db->session;
    s->running = true;
    sim_pg_fault fault = s->txn.n > 0 ? sim_ask(db, SIM_PG_COMMIT, true) : SIM_PG_FINE;
    int r = fail_at(db, fault, limit_us, err);
    s->running = false;
    if (r < 0)
        return r;
    if (s->ended)
        return sim_lost(db, s->ended, err);
    const char *code = refusal(fault);
    if (code || s->failed)
        pg_rollback(s);
    else
        pg_commit(s);
    if (!code)
        return 0;
    sim_set_sqlstate(db, code);
    return db_error(code, COMMIT, "refused", err);
}

static int stopped(ob_db *db, const char *name, const pg_stop *stop, ob_error *err)
{
    pg_session *s = db->session;
    if (s->ended)
        return sim_lost(db, s->ended, err);
    if (strcmp(stop->sqlstate, PG_NO_ANSWER) == 0)
        return sim_no_answer(db, err);
    sim_set_sqlstate(db, stop->sqlstate);
    pg_txn_rollback(s); /* at once, not only at ROLLBACK */
    s->failed = s->in_transaction;
    return db_error(stop->sqlstate, name, stop->text, err);
}

static int run_item(ob_db *db, const item *it, int64_t limit_us, PGresult **ret, ob_error *err)
{
    pg_session *s = db->session;
    pg_stop stop = { 0 };
    if (!it->stmt && strcmp(it->text, COMMIT) == 0) {
        *ret = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
        return commit(db, limit_us, err);
    }
    if (!it->stmt && strcmp(it->text, "ROLLBACK") == 0) {
        *ret = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
        pg_rollback(s);
        return 0;
    }
    if (s->failed) {
        stop = (pg_stop){ true, "25P02", "current transaction is aborted", NULL };
        return stopped(db, it->text, &stop, err);
    }
    if (!it->stmt && strcmp(it->text, "BEGIN") == 0) {
        *ret = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
        pg_begin(s);
        s->in_transaction = true;
        return 0;
    }
    if (!it->stmt) {
        *ret = run_sql(s, it->text);
        return 0;
    }
    pg_run_statement(s, it->stmt, &it->args, limit_us, ret, &stop);
    return stop.set ? stopped(db, it->stmt->name, &stop, err) : 0;
}

/* Runs all that is queued on the server. */
static int
run_all(ob_db *db, sim_pg_fault fault, int64_t limit_us, PGresult **results, ob_error *err)
{
    pg_session *s = db->session;
    const char *code = refusal(fault);
    int r = 0;
    if (!s->in_transaction)
        pg_begin(s);
    if (code) {
        pg_stop stop = { true, code, "refused", NULL };
        r = stopped(db, db->items[0].text, &stop, err);
    }
    for (size_t i = 0; i < db->n && r == 0; i++)
        r = run_item(db, &db->items[i], limit_us, &results[i], err);
    if (r == 0 && !s->in_transaction) /* outside of a transaction: one of its own */
        r = commit(db, limit_us, err);
    if (r < 0 && !s->ended && !s->in_transaction)
        pg_rollback(s);
    s->changed_us = pg_now_us();
    return r;
}

static bool has_commit(const ob_db *db)
{
    if (!db->in_pipe)
        return !db->session->in_transaction;
    for (size_t i = 0; i < db->n; i++)
        if (strcmp(db->items[i].text, COMMIT) == 0)
            return true;
    return false;
}

int sim_round_trip(ob_db *db, int timeout_ms, PGresult **results, ob_error *err)
{
    int64_t limit_us = (int64_t)timeout_ms * 1000;
    bool commits = has_commit(db);
    sim_pg_fault fault = sim_ask(db, SIM_PG_SEND, commits);
    int r = fail_at(db, fault, limit_us, err);
    if (r < 0)
        return r;
    pg_hooks.wait(pg_hooks.latency_us, pg_hooks.arg);
    pg_expire();
    if (db->session->ended)
        return sim_lost(db, db->session->ended, err);
    r = run_all(db, fault, limit_us, results, err);
    if (r < 0 && db->broken)
        return r;
    int lost_answer = fail_at(db, sim_ask(db, SIM_PG_ANSWER, commits), limit_us, err);
    if (lost_answer < 0)
        return lost_answer;
    pg_hooks.wait(pg_hooks.latency_us, pg_hooks.arg);
    return r;
}
