/* The server: its sessions, transactions from BEGIN to COMMIT, idle times, and how a statement
 * runs. Owns the sessions. Invariant: whenever a hook is called, each session's transaction is
 * whole: its changes are those of complete statements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "pg_session.h"

#define LOCK_STEP_US 5000
#define DEADLOCK_US 1000000 /* PostgreSQL's deadlock_timeout */

sim_pg_hooks pg_hooks;
static pg_session *sessions;
static uint64_t n_sessions, n_runs, n_commits;
static int64_t numbers[PG_TABLE_COUNT];
static bool is_away;

/* ---- The server ---- */

int64_t pg_now_us(void)
{
    return pg_hooks.now_us(pg_hooks.arg);
}

int64_t pg_next_number(pg_table table)
{
    return ++numbers[table];
}

static void add_leader(pg_run *run, const char *role)
{
    pg_leader *l = pg_row_new(PG_LEADER);
    *l = (pg_leader){ .role = role, .holder = "" };
    (void)pg_insert(run, PG_LEADER, l);
}

void sim_pg_open(const sim_pg_hooks *hooks)
{
    pg_hooks = *hooks;
    n_sessions = n_runs = n_commits = 0;
    memset(numbers, 0, sizeof(numbers));
    is_away = false;
    pg_store_open();
    pg_session *s = pg_session_new("migration");
    pg_run run = { .s = s };
    add_leader(&run, "scheduler");
    add_leader(&run, "scaler");
    pg_publisher *p = pg_row_new(PG_PUBLISHER);
    *p = (pg_publisher){ .only_one = true };
    (void)pg_insert(&run, PG_PUBLISHER, p);
    const sim_pg_change *ignored;
    (void)pg_txn_commit(s, &ignored);
    pg_session_free(s);
}

void sim_pg_close(void)
{
    pg_connections_free(-1);
    while (sessions)
        pg_session_free(sessions);
    pg_store_close();
}

bool pg_is_away(void)
{
    return is_away;
}

void sim_pg_away(bool away)
{
    is_away = away;
    for (pg_session *s = sessions; away && s; s = s->next)
        pg_session_end(s, PG_CLOSED);
}

/* ---- Sessions ---- */

pg_session *pg_sessions(void)
{
    return sessions;
}

pg_session *pg_session_new(const char *application)
{
    pg_session *s = ob_calloc(1, sizeof(*s));
    s->id = ++n_sessions;
    s->process = pg_hooks.process(pg_hooks.arg);
    s->changed_us = pg_now_us();
    (void)snprintf(s->application, sizeof(s->application), "%s", application);
    pg_session **end = &sessions;
    while (*end)
        end = &(*end)->next;
    *end = s;
    return s;
}

void pg_session_end(pg_session *s, const char *sqlstate)
{
    if (s->ended)
        return;
    pg_txn_rollback(s);
    s->in_transaction = s->failed = s->running = false;
    s->locks = 0;
    s->ended = sqlstate;
}

void pg_session_free(pg_session *s)
{
    if (!s)
        return;
    pg_session_end(s, PG_CLOSED);
    pg_session **at = &sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s->txn.undo);
    free(s->txn.locks);
    free(s);
}

void sim_pg_end_process(int process)
{
    pg_connections_free(process);
    for (pg_session *s = sessions, *next; s; s = next) {
        next = s->next;
        if (s->process == process)
            pg_session_free(s);
    }
}

/* Ends the sessions that have been idle for too long. */
void pg_expire(void)
{
    int64_t now_us = pg_now_us();
    for (pg_session *s = sessions; s; s = s->next) {
        int64_t limit_ms = s->in_transaction ? s->idle_transaction_ms : s->idle_session_ms;
        if (!s->ended && !s->running && limit_ms > 0 && now_us - s->changed_us > limit_ms * 1000)
            pg_session_end(s, s->in_transaction ? "25P03" : "57P05");
    }
}

int sim_pg_leader(ob_role role)
{
    pg_expire();
    for (const pg_session *s = sessions; s; s = s->next)
        if (!s->ended && (s->locks & UINT32_C(1) << role))
            return s->process;
    return -1;
}

/* ---- Transactions ---- */

void pg_begin(pg_session *s)
{
    s->began_us = pg_now_us();
    s->role = NULL;
}

void pg_rollback(pg_session *s)
{
    pg_txn_rollback(s);
    s->in_transaction = s->failed = false;
}

void pg_commit(pg_session *s)
{
    const sim_pg_change *changes;
    size_t n = pg_txn_commit(s, &changes);
    s->in_transaction = s->failed = false;
    if (n == 0)
        return;
    sim_pg_commit commit = { .at_us = pg_now_us(),
                             .number = ++n_commits,
                             .session = s->id,
                             .process = s->process,
                             .application = s->application,
                             .role = s->role,
                             .epoch = s->role ? s->epoch : 0,
                             .round = s->role ? s->round : 0,
                             .changes = changes,
                             .n = n };
    if (pg_hooks.committed)
        pg_hooks.committed(&commit, pg_hooks.arg);
}

/* ---- A statement ---- */

/* Does the session wait, through others, for itself? */
static bool is_deadlock(const pg_session *s)
{
    const pg_session *other = s->waits_for;
    for (uint64_t steps = 0; other && steps < n_sessions; steps++, other = other->waits_for)
        if (other == s)
            return true;
    return false;
}

/* Waits a step for a lock. False: no longer; *stop says why. */
static bool wait_step(pg_session *s, int64_t waited_us, int64_t limit_us, pg_stop *stop)
{
    if (s->lock_ms > 0 && waited_us >= s->lock_ms * 1000) {
        *stop = (pg_stop){ true, "55P03", "canceling statement due to lock timeout", NULL };
        return false;
    }
    if (waited_us >= DEADLOCK_US && is_deadlock(s)) {
        *stop = (pg_stop){ true, "40P01", "deadlock detected", NULL };
        return false;
    }
    if (limit_us > 0 && waited_us >= limit_us) {
        *stop = (pg_stop){ true, PG_NO_ANSWER, "no answer in time", NULL };
        return false;
    }
    pg_hooks.wait(LOCK_STEP_US, pg_hooks.arg);
    s->waits_for = NULL;
    if (s->ended)
        *stop = (pg_stop){ true, s->ended, "the session was ended", NULL };
    return !s->ended;
}

/* One try. */
static void run_once(pg_session *s, const pg_statement *st, pg_run *run, pg_out *out)
{
    pg_expire();
    *run = (pg_run){ .s = s,
                     .args = run->args,
                     .out = out,
                     .number = ++n_runs,
                     .now_us = s->in_transaction ? s->began_us : pg_now_us() };
    size_t mark = s->txn.n;
    pg_out_begin(out, st->columns);
    st->run(run);
    if (!run->stop.set)
        return;
    pg_undo_to(s, mark);
    PQclear(out->result);
    out->result = NULL;
}

void pg_run_statement(pg_session *s,
                      const pg_statement *st,
                      const pg_args *args,
                      int64_t limit_us,
                      PGresult **ret,
                      pg_stop *stop)
{
    pg_out out = { 0 };
    pg_run run = { .args = args };
    int64_t waited_us = 0;
    s->running = true;
    for (;;) {
        run_once(s, st, &run, &out);
        *stop = run.stop;
        if (!run.stop.set || run.stop.sqlstate)
            break;
        s->waits_for = run.stop.waits_for;
        if (!wait_step(s, waited_us, limit_us, stop))
            break;
        waited_us += LOCK_STEP_US;
    }
    s->running = false;
    s->waits_for = NULL;
    s->changed_us = pg_now_us();
    *ret = out.result;
}
