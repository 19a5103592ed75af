/* Pipelines: many statements, one round trip. Invariant: a pipeline that fails leaves nothing half
 * done: either the transaction is rolled back and the connection is clean, or the connection is
 * broken. Sending never blocks while the server waits for us to read (libpq's non-blocking mode,
 * poll in both directions). One owner thread. */
#include <string.h>

#include "db_internal.h"
#include "ob/clock.h"

#define ABANDON_TIMEOUT_MS 5000

int ob_db_pipe_begin(ob_db *db, ob_error *err)
{
    if (db->in_pipe) /* the caller gave up in the middle: finish that one first */
        ob_db_pipe_abandon(db);
    int r = db_check(db, err);
    if (r < 0)
        return r;
    if (PQsetnonblocking(db->conn, 1) < 0)
        return db_fail(db, NULL, "pipeline", err);
    if (!PQenterPipelineMode(db->conn)) {
        r = db_fail(db, NULL, "pipeline", err);
        (void)PQsetnonblocking(db->conn, 0);
        return r;
    }
    db->sqlstate[0] = '\0';
    db->in_pipe = true;
    db->pipe_has_begun = false;
    db->n_queued = 0;
    db->pipe_result = 0;
    return 0;
}

/* If a statement could not be queued, no later one may be: a COMMIT would commit the rest */
static int refuse(ob_db *db, int result, ob_error *err)
{
    if (db->pipe_result == 0) {
        db->pipe_result = result;
        if (err)
            db->pipe_error = *err;
    }
    return result;
}

/* Can a statement be queued now? */
static int check_open(ob_db *db, ob_error *err)
{
    if (!db->in_pipe)
        return ob_fail(err, EINVAL, "PostgreSQL: no pipeline is open");
    if (db->pipe_result < 0) {
        *err = db->pipe_error;
        return db->pipe_result;
    }
    if (!ob_db_ok(db))
        return refuse(db, ob_fail_retry(err, EIO, "PostgreSQL: the connection is lost"), err);
    return 0;
}

static void note_queued(ob_db *db, const char *shown)
{
    if (db->n_queued == db->queued_room) {
        db->queued_room = db->queued_room ? 2 * db->queued_room : 32;
        db->queued = ob_realloc(db->queued, db->queued_room * sizeof(*db->queued));
    }
    db->queued[db->n_queued++] = shown;
}

static int queue(
    ob_db *db, const char *stmt, const char *shown, bool is_sql, const ob_params *p, ob_error *err)
{
    ob_error local = { 0 };
    if (!err)
        err = &local;
    int r = check_open(db, err);
    if (r < 0)
        return r;
    r = db_send(db, stmt, is_sql, p, err);
    if (r < 0)
        return refuse(db, r, err);
    note_queued(db, shown);
    return 0;
}

int db_pipe_prepare(ob_db *db, const ob_db_stmt *stmt, ob_error *err)
{
    ob_error local = { 0 };
    if (!err)
        err = &local;
    int r = check_open(db, err);
    if (r < 0)
        return r;
    if (!PQsendPrepare(db->conn, stmt->name, stmt->sql, 0, NULL))
        return refuse(db, db_fail(db, NULL, stmt->name, err), err);
    note_queued(db, stmt->name);
    return 0;
}

int ob_db_pipe_sql(ob_db *db, const char *sql, ob_error *err)
{
    if (!strcmp(sql, COMMIT))
        return ob_fail(err, EINVAL, "PostgreSQL: only ob_db_pipe_commit commits a pipeline");
    int r = queue(db, sql, "query", true, NULL, err);
    db->pipe_has_begun |= r == 0 && !strcmp(sql, "BEGIN");
    return r;
}

int ob_db_pipe_add(ob_db *db, const char *stmt, const ob_params *p, ob_error *err)
{
    if (db_is_sql(stmt))
        return p ? queue(db, stmt, "query", true, p, err) : ob_db_pipe_sql(db, stmt, err);
    const ob_db_stmt *known = db_find_stmt(db, stmt);
    if (known && known->writes && !db->pipe_has_begun)
        return ob_fail(err, EINVAL, "PostgreSQL: %s writes, but no transaction has begun", stmt);
    return queue(db, stmt, known ? known->name : "statement", false, p, err);
}

/* Reads all results up to the synchronisation point. Stops early only on a broken connection. */
static int collect(ob_db *db, int64_t deadline_ms, PGresult **results, size_t n, ob_error *err)
{
    size_t at = 0;
    int r = 0;
    for (;;) {
        int w = db_wait(db, deadline_ms, r < 0 ? NULL : err);
        if (w < 0) {
            db_break(db);
            return r < 0 ? r : w;
        }
        PGresult *res = PQgetResult(db->conn);
        if (!res) {
            at++; /* a NULL stands behind each statement's results */
            if (PQstatus(db->conn) != CONNECTION_OK || at > db->n_queued) {
                db_break(db);
                return r < 0 ? r : db_fail(db, NULL, "receive", err);
            }
            continue;
        }
        ExecStatusType status = PQresultStatus(res);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            return r;
        }
        bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
        if (!good && r == 0)
            r = db_fail(db, res, at < db->n_queued ? db->queued[at] : "pipeline", err);
        if (good && at < n && !results[at])
            results[at] = res;
        else
            PQclear(res);
        if (db->broken)
            return r;
    }
}

int ob_db_pipe_sync(ob_db *db, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err)
{
    if (!ret_results)
        n = 0;
    for (size_t i = 0; i < n; i++)
        ret_results[i] = NULL;
    if (!db->in_pipe)
        return ob_fail(err, EINVAL, "PostgreSQL: no pipeline is open");

    int64_t deadline_ms = timeout_ms > 0 ? ob_mono_ms() + timeout_ms : 0;
    int queue_result = db->pipe_result;
    int r = 0;
    if (!ob_db_ok(db))
        r = ob_fail_retry(err, EIO, "PostgreSQL: the connection is lost");
    else if (!PQpipelineSync(db->conn))
        r = db_fail(db, NULL, "send", err);
    else
        r = collect(db, deadline_ms, ret_results, n, err);
    if (r < 0 && !db->broken && PQpipelineStatus(db->conn) == PQ_PIPELINE_OFF)
        db_break(db); /* impossible: whatever it is, do not continue with it */

    db->in_pipe = false;
    if (!db->broken) {
        if (!PQexitPipelineMode(db->conn))
            db_break(db);
        else
            (void)PQsetnonblocking(db->conn, 0);
    }
    if (r == 0 && queue_result < 0) {
        r = queue_result;
        if (err)
            *err = db->pipe_error;
    }
    if (r < 0) {
        char state[sizeof(db->sqlstate)];
        memcpy(state, db->sqlstate, sizeof(state));
        db_rollback(db);
        memcpy(db->sqlstate, state, sizeof(state));
        for (size_t i = 0; i < n; i++) {
            PQclear(ret_results[i]);
            ret_results[i] = NULL;
        }
    }
    return r;
}

int ob_db_pipe_commit(
    ob_db *db, ob_point point, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err)
{
    int r = queue(db, COMMIT, "commit", true, NULL, err);
    if (r < 0) {
        ob_db_pipe_abandon(db);
        return r;
    }
    ob_point_pass(point, OB_POINT_BEFORE);
    r = ob_db_pipe_sync(db, timeout_ms, ret_results, n, err);
    if (r == 0)
        ob_point_pass(point, OB_POINT_AFTER);
    return r;
}

void ob_db_pipe_abandon(ob_db *db)
{
    if (!db->in_pipe)
        return;
    if (db->pipe_result == 0)
        db->pipe_result = ob_fail(&db->pipe_error, ECANCELED, "PostgreSQL: pipeline abandoned");
    (void)ob_db_pipe_sync(db, ABANDON_TIMEOUT_MS, NULL, 0, NULL);
}
