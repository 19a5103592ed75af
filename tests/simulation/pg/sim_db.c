/* ob/db.h on the simulated server: statements and pipelines. Owns nothing. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"
#include "session_sql.h"
#include "sim_db_internal.h"

/* Names are looked up when they are used. */
int ob_db_prepare(ob_db *db, const ob_db_stmt *stmts, ob_error *err)
{
    int r = sim_check(db, err);
    if (r < 0 || !stmts)
        return r;
    assert(db->n_tables < TABLES_MAX);
    db->tables[db->n_tables++] = stmts;
    memset(db->names, 0, sizeof(db->names));
    pg_hooks.wait(2 * pg_hooks.latency_us, pg_hooks.arg);
    return 0;
}

static bool find_writes(const ob_db *db, const char *name)
{
    for (size_t i = 0; i < db->n_tables; i++)
        for (const ob_db_stmt *stmt = db->tables[i]; stmt->name; stmt++)
            if (strcmp(stmt->name, name) == 0)
                return stmt->writes;
    return false;
}

/* NULL: there is no such statement. */
static const known_name *know(ob_db *db, const char *name)
{
    known_name *k = &db->names[(uintptr_t)name / 4 % NAMES_MAX];
    if (k->text == name && strcmp(k->stmt->name, name) == 0)
        return k;
    const pg_statement *stmt = pg_statement_find(db->application, name);
    if (!stmt)
        return NULL;
    *k = (known_name){ .text = name, .stmt = stmt, .writes = find_writes(db, name) };
    return k;
}

static bool writes(ob_db *db, const char *name)
{
    const known_name *k = know(db, name);
    return k && k->writes;
}

static void add_item(ob_db *db, const char *text, bool is_sql, const ob_params *p)
{
    if (db->n == db->room) {
        db->room = db->room ? 2 * db->room : 32;
        db->items = ob_realloc(db->items, db->room * sizeof(*db->items));
    }
    item *it = &db->items[db->n++];
    const known_name *k = is_sql ? NULL : know(db, text);
    it->stmt = k ? k->stmt : NULL;
    it->text = it->stmt ? it->stmt->name : pg_keep(text, strlen(text));
    if (!is_sql && !it->stmt) {
        (void)fprintf(stderr, "simulated PostgreSQL: %s: statement %s is not implemented\n",
                      db->application, text);
        abort();
    }
    if (it->stmt)
        pg_args_read(&it->args, it->stmt->types, p);
}

static int
exec(ob_db *db, const char *stmt, bool is_sql, const ob_params *p, PGresult **ret, ob_error *err)
{
    int r = sim_check(db, err);
    if (r < 0)
        return r;
    sim_set_sqlstate(db, "");
    db->n = 0;
    add_item(db, stmt, is_sql, p);
    PGresult *result = NULL;
    r = sim_round_trip(db, db->timeout_ms, &result, err);
    if (r == 0 && ret)
        *ret = result;
    else
        PQclear(result);
    return r;
}

static int refuse_commit(ob_error *err)
{
    return ob_fail(err, EINVAL, "PostgreSQL: only ob_db_commit commits");
}

int ob_db_exec(ob_db *db, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    if (strcmp(stmt, COMMIT) == 0)
        return refuse_commit(err);
    if (writes(db, stmt) && !db->session->in_transaction)
        return ob_fail(err, EINVAL, "PostgreSQL: %s writes: ob_db_write runs it", stmt);
    return exec(db, stmt, db_is_sql(stmt), p, ret, err);
}

int ob_db_sql(ob_db *db, const char *sql, const ob_params *p, PGresult **ret, ob_error *err)
{
    return strcmp(sql, COMMIT) != 0 ? exec(db, sql, true, p, ret, err) : refuse_commit(err);
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

int ob_db_by_keys(ob_db *db, ob_error *err)
{
    return ob_db_sql(db, SQL_SESSION_BY_KEYS, NULL, NULL, err);
}

/* ---- Pipelines ---- */

int ob_db_pipe_begin(ob_db *db, ob_error *err)
{
    if (db->in_pipe)
        ob_db_pipe_abandon(db);
    int r = sim_check(db, err);
    if (r < 0)
        return r;
    sim_set_sqlstate(db, "");
    db->in_pipe = true;
    db->pipe_has_begun = false;
    db->n = 0;
    db->pipe_result = 0;
    return 0;
}

static int queue(ob_db *db, const char *stmt, bool is_sql, const ob_params *p, ob_error *err)
{
    if (!db->in_pipe)
        return ob_fail(err, EINVAL, "PostgreSQL: no pipeline is open");
    if (db->pipe_result == 0 && !ob_db_ok(db))
        db->pipe_result = ob_fail_retry(&db->pipe_error, EIO, "PostgreSQL: the connection is lost");
    if (db->pipe_result < 0) {
        if (err)
            *err = db->pipe_error;
        return db->pipe_result;
    }
    add_item(db, stmt, is_sql, p);
    return 0;
}

int ob_db_pipe_sql(ob_db *db, const char *sql, ob_error *err)
{
    if (strcmp(sql, COMMIT) == 0)
        return ob_fail(err, EINVAL, "PostgreSQL: only ob_db_pipe_commit commits a pipeline");
    int r = queue(db, sql, true, NULL, err);
    db->pipe_has_begun |= r == 0 && strcmp(sql, "BEGIN") == 0;
    return r;
}

int ob_db_pipe_add(ob_db *db, const char *stmt, const ob_params *p, ob_error *err)
{
    if (db_is_sql(stmt))
        return ob_db_pipe_sql(db, stmt, err);
    if (writes(db, stmt) && !db->pipe_has_begun)
        return ob_fail(err, EINVAL, "PostgreSQL: %s writes, but no transaction has begun", stmt);
    return queue(db, stmt, false, p, err);
}

int ob_db_pipe_sync(ob_db *db, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err)
{
    for (size_t i = 0; ret_results && i < n; i++)
        ret_results[i] = NULL;
    if (!db->in_pipe)
        return ob_fail(err, EINVAL, "PostgreSQL: no pipeline is open");
    PGresult **results = ob_calloc(db->n + 1, sizeof(PGresult *));
    int r = ob_db_ok(db) ? sim_round_trip(db, timeout_ms, results, err)
                         : ob_fail_retry(err, EIO, "PostgreSQL: the connection is lost");
    db->in_pipe = false;
    if (r == 0 && db->pipe_result < 0) {
        r = db->pipe_result;
        if (err)
            *err = db->pipe_error;
    }
    if (r < 0 && !db->broken)
        pg_rollback(db->session);
    for (size_t i = 0; i < db->n; i++) {
        if (r == 0 && ret_results && i < n)
            ret_results[i] = results[i];
        else
            PQclear(results[i]);
    }
    free(results);
    return r;
}

int ob_db_pipe_commit(
    ob_db *db, ob_point point, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err)
{
    int r = queue(db, COMMIT, true, NULL, err);
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
    (void)ob_db_pipe_sync(db, 0, NULL, 0, NULL);
}
