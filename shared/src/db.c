/* One PostgreSQL connection. Owns the PGconn and copies of the statements prepared on it. Never
 * repeats a statement: only the caller knows whether that is safe. Invariant: after any failure the
 * connection is either clean (idle, not in a failed transaction) or marked broken until
 * ob_db_reconnect. One owner thread. */
#include "ob/db.h"

#include <string.h>

#include "db_internal.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "session_sql.h"

static void on_notice(void *unused, const PGresult *res)
{
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    ob_debug("postgresql.noticed", "{s:s*}", "text", text);
}

static int open_connection(ob_db *db, ob_error *err)
{
    /* conninfo may override earlier settings, but not later ones. */
    const char *const keys[] = { "connect_timeout", "dbname", "application_name", NULL };
    const char *const values[] = { "10", db->conninfo, db->application, NULL };
    db->in_pipe = db->broken = false;
    db_set_sqlstate(db, NULL);
    db->conn = PQconnectdbParams(keys, values, 1);
    if (PQstatus(db->conn) != CONNECTION_OK) {
        char text[400];
        db_error_text(db, text, sizeof(text));
        db->broken = true;
        return ob_fail_retry(err, EIO, "PostgreSQL: %s", text);
    }
    (void)PQsetNoticeReceiver(db->conn, on_notice, NULL);
    (void)PQsetClientEncoding(db->conn, "UTF8");
    /* A generic plan made while the tables were empty would stay for ever. Statements are short and
     * planned each time, so compiling them would cost more than it saves. */
    return ob_db_sql(db, "SET plan_cache_mode = force_custom_plan; SET jit = off", NULL, NULL, err);
}

int ob_db_connect(const char *conninfo, const char *application, ob_db **ret, ob_error *err)
{
    ob_cleanup(ob_db_freep) ob_db *db = ob_calloc(1, sizeof(*db));
    db->conninfo = ob_strdup(conninfo);
    db->application = ob_strdup(application);
    int r = open_connection(db, err);
    if (r < 0)
        return r;
    *ret = ob_take(db);
    return 0;
}

void ob_db_free(ob_db *db)
{
    if (!db)
        return;
    PQfinish(db->conn);
    for (size_t i = 0; i < db->n_stmts; i++) {
        free((void *)(uintptr_t)db->stmts[i].name);
        free((void *)(uintptr_t)db->stmts[i].sql);
    }
    free(db->stmts);
    free(db->queued);
    free(db->conninfo);
    free(db->application);
    free(db);
}

void ob_db_freep(ob_db **db)
{
    ob_db_free(*db);
}

PGconn *ob_db_raw(ob_db *db)
{
    return db->conn;
}

void ob_db_set_timeout(ob_db *db, int timeout_ms)
{
    db->timeout_ms = timeout_ms;
}

/* Prepares stmts[from..] in one round trip. */
static int prepare_from(ob_db *db, size_t from, ob_error *err)
{
    if (from == db->n_stmts)
        return 0;
    int r = ob_db_pipe_begin(db, err);
    for (size_t i = from; i < db->n_stmts && r == 0; i++)
        r = db_pipe_prepare(db, &db->stmts[i], err);
    return r < 0 ? r : ob_db_pipe_sync(db, db->timeout_ms, NULL, 0, err);
}

int ob_db_prepare(ob_db *db, const ob_db_stmt *stmts, ob_error *err)
{
    int r = db_check(db, err);
    if (r < 0 || !stmts)
        return r;
    size_t n = 0;
    while (stmts[n].name)
        n++;
    size_t old = db->n_stmts;
    db->stmts = ob_realloc(db->stmts, (old + n) * sizeof(*db->stmts));
    for (size_t i = 0; i < n; i++)
        db->stmts[db->n_stmts++] =
            (ob_db_stmt){ ob_strdup(stmts[i].name), ob_strdup(stmts[i].sql), stmts[i].writes };
    return prepare_from(db, old, err);
}

int ob_db_by_keys(ob_db *db, ob_error *err)
{
    return ob_db_sql(db, SQL_SESSION_BY_KEYS, NULL, NULL, err);
}

int ob_db_reconnect(ob_db *db, ob_error *err)
{
    PQfinish(db->conn);
    db->conn = NULL;
    int r = open_connection(db, err);
    if (r == 0)
        r = prepare_from(db, 0, err);
    if (r < 0)
        db_break(db);
    return r;
}

static int
exec(ob_db *db, const char *stmt, bool is_sql, const ob_params *p, PGresult **ret, ob_error *err)
{
    int r = db_check(db, err);
    if (r < 0)
        return r;
    db_set_sqlstate(db, NULL);
    int64_t deadline_ms = db->timeout_ms ? ob_mono_ms() + db->timeout_ms : 0;
    /* A long statement does not fit the socket's buffer: db_wait sends it, within its time limit */
    if (deadline_ms && PQsetnonblocking(db->conn, 1) < 0)
        return db_fail(db, NULL, "send", err);
    /* Plain SQL without parameters may hold several commands (migrations): the simple protocol. */
    if (is_sql && (!p || p->n == 0)) {
        if (!PQsendQuery(db->conn, stmt))
            return db_fail(db, NULL, "send", err);
    } else {
        r = db_send(db, stmt, is_sql, p, err);
        if (r < 0)
            return r;
    }

    ob_cleanup(ob_pq_clearp) PGresult *last = NULL;
    for (;;) {
        int w = db_wait(db, deadline_ms, r < 0 ? NULL : err);
        if (w < 0)
            return r < 0 ? r : w;
        PGresult *res = PQgetResult(db->conn);
        if (!res)
            break;
        ExecStatusType status = PQresultStatus(res);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && r == 0)
            r = db_fail(db, res, is_sql ? "query" : stmt, err);
        PQclear(last);
        last = res;
        if (db->broken)
            break;
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            db_break(db); /* COPY is not for this interface */
            break;
        }
    }
    if (r == 0 && ret)
        *ret = ob_take(last);
    return r;
}

static int refuse_commit(ob_error *err)
{
    return ob_fail(err, EINVAL, "PostgreSQL: only ob_db_commit commits");
}

int ob_db_exec(ob_db *db, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    if (!strcmp(stmt, COMMIT))
        return refuse_commit(err);
    const ob_db_stmt *known = db_find_stmt(db, stmt);
    if (known && known->writes && PQtransactionStatus(db->conn) == PQTRANS_IDLE)
        return ob_fail(err, EINVAL, "PostgreSQL: %s writes: ob_db_write runs it", stmt);
    return exec(db, stmt, db_is_sql(stmt), p, ret, err);
}

int ob_db_sql(ob_db *db, const char *sql, const ob_params *p, PGresult **ret, ob_error *err)
{
    return strcmp(sql, COMMIT) ? exec(db, sql, true, p, ret, err) : refuse_commit(err);
}

int ob_db_write(
    ob_db *db, ob_point point, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    int r = exec(db, stmt, false, p, ret, err);
    if (r == 0)
        ob_point_pass(point, OB_POINT_AFTER);
    return r;
}

int ob_db_commit(ob_db *db, ob_point point, ob_error *err)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    int r = exec(db, COMMIT, true, NULL, NULL, err);
    if (r == 0)
        ob_point_pass(point, OB_POINT_AFTER);
    return r;
}
