/* PostgreSQL: one connection, prepared statements, pipelines, array parameters. Not thread-safe:
 * each connection has one owner. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"
#include "ob/id.h"
#include "ob/mem.h"
#include "ob/point.h"

typedef struct ob_db ob_db;

/* A named statement, prepared when the connection is made. tools/embed_queries.py makes the tables
 * of statements from SQL files, with names for their columns. */
typedef struct ob_db_stmt {
    const char *name; /* NULL ends a table */
    const char *sql;
    bool writes; /* inserts, updates or deletes rows */
} ob_db_stmt;

/* Connects, sets plan_cache_mode=force_custom_plan and application_name, and prepares 'stmts'
 * (NULL: none) when prepare is called. Errors: -EIO, retriable. */
int ob_db_connect(const char *conninfo, const char *application, ob_db **ret, ob_error *err);
void ob_db_free(ob_db *db);
void ob_db_freep(ob_db **db);
PGconn *ob_db_raw(ob_db *db);
bool ob_db_ok(ob_db *db);
int ob_db_prepare(ob_db *db, const ob_db_stmt *stmts, ob_error *err);
/* From now on each statement, and each preparation in a reconnect, waits at most this long for the
 * server (0, the initial value: no limit). Then it returns -ETIMEDOUT, retriable: the outcome is
 * unknown and the connection is broken. */
void ob_db_set_timeout(ob_db *db, int timeout_ms);
/* For connections in which every statement finds its rows by keys: no plan is left but to look each
 * key up. Of a table that was just filled, or emptied and filled again, the server may believe that
 * it has one row, and would rather read all of it once, or once a key, than look keys up; it knows
 * better when the statistics are gathered. Plain index scans go as well, for they may read all of
 * an index; bitmap scans cannot. A leader's rounds do the same. */
int ob_db_by_keys(ob_db *db, ob_error *err);
/* For connections whose commits may be lost in a crash of the server, because what they write is
 * repeated: a commit does not wait for its disk. */
int ob_db_commit_soon(ob_db *db, ob_error *err);
/* ob_db_by_keys or ob_db_commit_soon. */
typedef int (*ob_db_set_up)(ob_db *db, ob_error *err);
/* Does nothing while *db is connected. Otherwise frees it (NULL: none) and makes a new one, set up
 * and with these statements; *db is NULL then if that fails. Errors: of the calls it makes. */
int ob_db_keep(ob_db **db,
               const char *conninfo,
               const char *application,
               ob_db_set_up set_up,
               const ob_db_stmt *stmts,
               ob_error *err);
/* Replaces a broken connection by a new one and prepares the statements again. */
int ob_db_reconnect(ob_db *db, ob_error *err);

/* Parameters of one statement, added in order: text or binary arrays. Zero-initialise it; free it
 * with ob_params_done. */
#define OB_PARAMS_MAX 32
typedef struct ob_params {
    int n;
    const char *values[OB_PARAMS_MAX];
    int lengths[OB_PARAMS_MAX];
    int formats[OB_PARAMS_MAX];
    void *owned[OB_PARAMS_MAX];
} ob_params;
void ob_params_done(ob_params *p);
/* Names the parameter that comes next (enums of parameters: tools/embed_queries.py). */
void ob_param_next(const ob_params *p, int position);
/* Here and in arrays, bytes that are not UTF-8 are replaced (ob/text.h). */
void ob_param_text(ob_params *p, const char *text); /* borrowed; NULL = SQL NULL */
void ob_param_int(ob_params *p, int64_t value);     /* as text: fits any integer type */
void ob_param_uuid(ob_params *p, const ob_uuid *id);
void ob_param_bytes(ob_params *p, const void *data, size_t len); /* bytea, binary, borrowed */
/* One-dimensional arrays in PostgreSQL's binary format; they copy. NULL elements of the text array
 * are SQL NULLs. INT64_MIN in an int64 array and INT32_MIN in an int32 array are SQL NULLs. */
void ob_param_uuid_array(ob_params *p, const ob_uuid *ids, size_t n);
void ob_param_int16_array(ob_params *p, const int16_t *v, size_t n);
void ob_param_int32_array(ob_params *p, const int32_t *v, size_t n);
void ob_param_int64_array(ob_params *p, const int64_t *v, size_t n);
void ob_param_text_array(ob_params *p, const char *const *v, size_t n);
void ob_param_bytes_array(ob_params *p, const void *const *v, const int *len, size_t n);
/* The parameter at 'position': an array with 'value' of each of the n rows. value: an expression in
 * which 'row' points to the row. kind and type: of ob_param_<kind>_array and its elements. */
#define OB_PARAM_COLUMN(p, position, kind, type, rows, n, value)                                   \
    do {                                                                                           \
        ob_param_next((p), (position));                                                            \
        ob_cleanup(ob_freep) type *column_ = ob_calloc((n) + 1, sizeof(*column_));                 \
        for (size_t i_ = 0; i_ < (n); i_++) {                                                      \
            const __typeof__(*(rows)) *row = &(rows)[i_];                                          \
            column_[i_] = (value);                                                                 \
        }                                                                                          \
        ob_param_##kind##_array((p), column_, (n));                                                \
    } while (0)

/* Runs a prepared statement and waits. It may also be plain SQL as in ob_db_sql: a text with a
 * space, or BEGIN, COMMIT, ROLLBACK. p may be NULL. *ret (may be NULL) is new: free it with
 * PQclear. Errors: -EAGAIN for SQLSTATE 40001/40P01/55P03, -EIO (retriable) for a lost connection,
 * -EEXIST for a unique violation, -EPROTO otherwise; err has the server's message and
 * ob_db_sqlstate the code. An error inside BEGIN..COMMIT leaves the transaction open: send
 * ROLLBACK. ob_db_sql without parameters takes several commands.
 *
 * Neither commits anything: -EINVAL for COMMIT, and for a statement that writes outside a
 * transaction. */
int ob_db_exec(ob_db *db, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err);
int ob_db_sql(ob_db *db, const char *sql, const ob_params *p, PGresult **ret, ob_error *err);
/* As ob_db_exec, for a statement that writes and is a transaction of its own: passes the point. */
int ob_db_write(
    ob_db *db, ob_point point, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err);
/* Commits the open transaction: passes the point. Errors: as ob_db_exec. */
int ob_db_commit(ob_db *db, ob_point point, ob_error *err);
const char *ob_db_sqlstate(const ob_db *db); /* of the last error; "" if there was none */

/* A pipeline: begin, queue statements, then sync, which reads every result. *ret_results[i] belongs
 * to the i-th statement (NULL: not needed). The first error ends the pipeline: the remaining
 * statements and the transaction are aborted, and the connection is usable again (ROLLBACK was sent
 * if needed). ob_db_pipe_sync waits at most timeout_ms (0: no limit) and then returns -ETIMEDOUT
 * with an unknown outcome. The outcome of -EIO is also unknown if COMMIT was queued. After both the
 * connection is broken (ob_db_ok) until ob_db_reconnect. On failure no results are returned and an
 * open transaction is rolled back. If a statement cannot be queued, the following ones and the sync
 * fail with its error. */
int ob_db_pipe_begin(ob_db *db, ob_error *err);
int ob_db_pipe_sql(ob_db *db, const char *sql, ob_error *err); /* BEGIN */
int ob_db_pipe_add(ob_db *db, const char *stmt, const ob_params *p, ob_error *err);
int ob_db_pipe_sync(ob_db *db, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err);
/* Queues COMMIT and syncs, which is the only way to commit a pipeline: passes the point. A
 * statement that writes is queued only behind BEGIN (-EINVAL). */
int ob_db_pipe_commit(
    ob_db *db, ob_point point, int timeout_ms, PGresult **ret_results, size_t n, ob_error *err);

/* Gives up a pipeline that was begun: queued statements are rolled back. */
void ob_db_pipe_abandon(ob_db *db);

/* Columns of a result (text format). */
const char *ob_col(const PGresult *res, int row, int col); /* NULL for SQL NULL; borrowed */
int64_t ob_col_int(const PGresult *res, int row, int col, int64_t if_null);
bool ob_col_bool(const PGresult *res, int row, int col);
bool ob_col_uuid(const PGresult *res, int row, int col, ob_uuid *ret);
/* Decodes a text-format bytea. *ret is new and ends with a NUL. Errors: -ENODATA (SQL NULL),
 * -EINVAL. */
int ob_col_bytes(const PGresult *res, int row, int col, void **ret, size_t *ret_len);

static inline void ob_pq_clearp(PGresult **res)
{
    PQclear(*res);
}
