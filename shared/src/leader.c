/* Leadership of a role: the lock, the epoch, the fence. Owns the leading connection and the number
 * of the last round.
 *
 * Invariants: everything is committed only after the fence of the epoch that this process set under
 * its lock; the connection that holds the lock is the one that commits. One owner thread. */
#include "ob/leader.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "leader_sql.h"
#include "ob/clock.h"
#include "ob/rows.h"

#define FENCE_STATE "OB001"
#define BEFORE 3 /* statements before the caller's: BEGIN, how to plan, the fence */

static const struct {
    const char *role;
    ob_role lock;
    ob_point epoch;
} roles[] = { { "scheduler", OB_ROLE_SCHEDULER, OB_POINT_SCHEDULER_EPOCH },
              { "scaler", OB_ROLE_SCALER, OB_POINT_SCALER_EPOCH } };

struct ob_leader {
    char *conninfo;
    const char *role;
    ob_role lock;
    ob_point epoch_point;
    const ob_db_stmt *stmts;
    ob_db *db;
    bool leads;
    bool counted;
    int64_t epoch, round;
    int64_t kept_at_ms;
};

ob_leader *ob_leader_new(const char *conninfo, const char *role, const ob_db_stmt *stmts)
{
    ob_leader *leader = ob_calloc(1, sizeof(*leader));
    leader->conninfo = ob_strdup(conninfo);
    leader->stmts = stmts;
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (!strcmp(roles[i].role, role)) {
            leader->role = roles[i].role;
            leader->lock = roles[i].lock;
            leader->epoch_point = roles[i].epoch;
        }
    assert(leader->role);
    return leader;
}

void ob_leader_drop(ob_leader *leader)
{
    ob_db_free(leader->db);
    leader->db = NULL;
    leader->leads = false;
}

void ob_leader_free(ob_leader *leader)
{
    if (!leader)
        return;
    ob_leader_drop(leader);
    free(leader->conninfo);
    free(leader);
}

static int connect_now(ob_leader *leader, ob_error *err)
{
    ob_cleanup(ob_db_freep) ob_db *db = NULL;
    char application[64];
    (void)snprintf(application, sizeof(application), "openbatch-%s", leader->role);
    int r = ob_db_connect(leader->conninfo, application, &db, err);
    if (r == 0)
        r = ob_db_sql(
            db,
            /* A standby ends a stalled leader (leader_end_stalled) after a second. Without a
             * standby it may continue: if it were ended, it would only start again. */
            "SET idle_session_timeout = '10s';"
            "SET idle_in_transaction_session_timeout = '1s';"
            /* The other role's leader may be frozen with rows locked that we need. */
            "SET lock_timeout = '2s'",
            NULL, NULL, err);
    if (r == 0)
        r = ob_db_prepare(db, ob_leader_stmts, err);
    if (r == 0)
        r = ob_db_prepare(db, leader->stmts, err);
    if (r == 0)
        leader->db = ob_take(db);
    return r;
}

/* Runs a statement whose first parameter is the lock's number; the answer is one boolean, false
 * when there is no row. */
static int ask_lock(ob_leader *leader, const char *stmt, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_int(&p, leader->lock);
    int r = ob_db_exec(leader->db, stmt, &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0 && ob_col_bool(res, 0, LOCK_DONE);
    return r;
}

static int raise_epoch(ob_leader *leader, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    char host[128] = "", holder[160];
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(holder, sizeof(holder), "%s/%d", host, (int)getpid());
    ob_param_text(&p, leader->role);
    ob_param_text(&p, holder);
    int r = ob_db_write(leader->db, leader->epoch_point, STMT_LEADER_EPOCH, &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) != 1)
        return ob_fail(err, ENOENT, "table leader has no row for %s", leader->role);
    leader->epoch = ob_col_int(res, 0, LEADER_EPOCH, 0);
    leader->round = ob_col_int(res, 0, LEADER_ROUND, 0);
    leader->counted = ob_col_bool(res, 0, LEADER_COUNTED);
    return 0;
}

int ob_leader_try(ob_leader *leader, ob_error *err)
{
    assert(!leader->leads);
    if (leader->db && !ob_db_ok(leader->db))
        ob_leader_drop(leader);
    int r = leader->db ? 0 : connect_now(leader, err);
    bool locked = false, ended = false;
    if (r == 0)
        r = ask_lock(leader, STMT_LEADER_LOCK, &locked, err);
    if (r == 0 && !locked)
        r = ask_lock(leader, STMT_LEADER_END_STALLED, &ended, err);
    if (r == 0 && locked)
        r = raise_epoch(leader, err);
    if (r < 0) {
        /* The session's end releases everything that was taken. */
        ob_leader_drop(leader);
        return r;
    }
    leader->leads = locked;
    leader->kept_at_ms = ob_mono_ms();
    return locked;
}

ob_db *ob_leader_db(ob_leader *leader)
{
    return leader->db;
}

int64_t ob_leader_epoch(const ob_leader *leader)
{
    return leader->epoch;
}

int64_t ob_leader_round(const ob_leader *leader)
{
    return leader->round;
}

bool ob_leader_counted(const ob_leader *leader)
{
    return leader->counted;
}

int ob_leader_keep(ob_leader *leader, ob_error *err)
{
    int64_t now_ms = ob_mono_ms();
    if (!ob_db_ok(leader->db))
        return ob_fail_retry(err, EIO, "PostgreSQL: the leading connection is lost");
    if (now_ms - leader->kept_at_ms < OB_LEADER_TRY_MS - 50)
        return 0;
    int r = ob_db_sql(leader->db, "SELECT 1", NULL, NULL, err);
    if (r == 0)
        leader->kept_at_ms = now_ms;
    return r < 0 ? -EIO : 0;
}

int ob_leader_has_standby(ob_leader *leader, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    char application[64];
    (void)snprintf(application, sizeof(application), "openbatch-%s", leader->role);
    ob_param_text(&p, application);
    int r = ob_db_exec(leader->db, STMT_LEADER_STANDBY, &p, &res, err);
    if (r == 0)
        *ret = ob_col_bool(res, 0, STANDBY_CONNECTED);
    return r;
}

int ob_leader_begin(ob_leader *leader, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, leader->role);
    ob_param_int(&p, leader->epoch);
    ob_param_int(&p, leader->round + 1);
    int r = ob_db_pipe_begin(leader->db, err);
    if (r == 0)
        r = ob_db_pipe_sql(leader->db, "BEGIN", err);
    if (r == 0)
        r = ob_db_pipe_add(leader->db, STMT_LEADER_PLANS, NULL, err);
    if (r == 0)
        r = ob_db_pipe_add(leader->db, STMT_LEADER_FENCE, &p, err);
    return r;
}

int ob_leader_commit(ob_leader *leader,
                     ob_point point,
                     int timeout_ms,
                     PGresult **ret_results,
                     size_t n,
                     ob_error *err)
{
    PGresult **all = ob_calloc(n + BEFORE, sizeof(*all));
    int r = ob_db_pipe_commit(leader->db, point, timeout_ms, all, n + BEFORE, err);
    if (r == 0) {
        leader->round++;
        leader->counted = true;
        leader->kept_at_ms = ob_mono_ms();
        for (size_t i = 0; i < n; i++)
            ret_results[i] = ob_take(all[i + BEFORE]);
    }
    for (size_t i = 0; i < n + BEFORE; i++)
        PQclear(all[i]);
    free(all);
    if (r < 0 && !strcmp(ob_db_sqlstate(leader->db), FENCE_STATE))
        return -ESTALE;
    if (r < 0 && !ob_db_ok(leader->db))
        return r == -ETIMEDOUT ? r : -EIO;
    return r;
}
