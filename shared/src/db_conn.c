/* What the statements and the pipelines of a connection share: its errors, waiting, sending, and
 * the way out of a failed transaction. Owns nothing. One owner thread. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "db_internal.h"
#include "ob/clock.h"
#include "ob/text.h"

#define ROLLBACK_TIMEOUT_MS 5000

void db_set_sqlstate(ob_db *db, const char *code)
{
    (void)snprintf(db->sqlstate, sizeof(db->sqlstate), "%s", code ? code : "");
}

void db_break(ob_db *db)
{
    db->broken = true;
    /* So that the server's side ends as soon as the server can detect it. */
    int fd = db->conn ? PQsocket(db->conn) : -1;
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
}

/* One line of text: libpq's messages hold newlines. */
static void flatten(const char *text, char *out, size_t size)
{
    ob_text_format(out, size, "%s", text ? text : "");
    size_t len = strlen(out);
    while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == ' '))
        out[--len] = '\0';
    for (char *p = out; *p; p++)
        if (*p == '\n')
            *p = ' ';
}

void db_error_text(const ob_db *db, char *out, size_t size)
{
    flatten(PQerrorMessage(db->conn), out, size);
}

int db_fail(ob_db *db, const PGresult *res, const char *what, ob_error *err)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *severity = res ? PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
    const char *primary = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char text[400];
    flatten(primary ? primary : PQerrorMessage(db->conn), text, sizeof(text));
    db_set_sqlstate(db, state);

    /* After FATAL the server closes, even when libpq has not read that far. */
    bool fatal = severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
    if (fatal || PQstatus(db->conn) != CONNECTION_OK) {
        db_break(db);
        return ob_fail_retry(err, EIO, "PostgreSQL: %s: %s", what, text);
    }
    return db_error(db->sqlstate, what, text, err);
}

int db_check(ob_db *db, ob_error *err)
{
    if (!ob_db_ok(db))
        return ob_fail_retry(err, EIO, "PostgreSQL: the connection is lost");
    if (db->in_pipe)
        return ob_fail(err, EBUSY, "PostgreSQL: a pipeline is open on this connection");
    return 0;
}

bool ob_db_ok(ob_db *db)
{
    return !db->broken && PQstatus(db->conn) == CONNECTION_OK;
}

const char *ob_db_sqlstate(const ob_db *db)
{
    return db->sqlstate;
}

const ob_db_stmt *db_find_stmt(const ob_db *db, const char *name)
{
    for (size_t i = 0; i < db->n_stmts; i++)
        if (strcmp(db->stmts[i].name, name) == 0)
            return &db->stmts[i];
    return NULL;
}

int db_wait(ob_db *db, int64_t deadline_ms, ob_error *err)
{
    for (;;) {
        int flush = PQflush(db->conn);
        if (flush < 0)
            return db_fail(db, NULL, "send", err);
        if (!PQisBusy(db->conn) && flush == 0)
            return 0;
        int wait_ms = -1;
        if (deadline_ms) {
            int64_t left = deadline_ms - ob_mono_ms();
            wait_ms = left > 0 ? (int)left : 0;
        }
        struct pollfd fd = { .fd = PQsocket(db->conn),
                             .events = (short)(POLLIN | (flush ? POLLOUT : 0)) };
        int n = poll(&fd, 1, wait_ms);
        if (n == 0) {
            db_break(db);
            return ob_fail_retry(err, ETIMEDOUT, "PostgreSQL: no answer in time");
        }
        if (n < 0 && errno != EINTR)
            return ob_fail(err, errno, "poll: %s", strerror(errno));
        if (n > 0 && (fd.revents & ~POLLOUT) && !PQconsumeInput(db->conn))
            return db_fail(db, NULL, "receive", err);
    }
}

int db_send(ob_db *db, const char *stmt, bool is_sql, const ob_params *p, ob_error *err)
{
    int n = p ? p->n : 0;
    const char *const *values = p ? p->values : NULL;
    const int *lengths = p ? p->lengths : NULL;
    const int *formats = p ? p->formats : NULL;
    int ok = is_sql ? PQsendQueryParams(db->conn, stmt, n, NULL, values, lengths, formats, 0)
                    : PQsendQueryPrepared(db->conn, stmt, n, values, lengths, formats, 0);
    return ok ? 0 : db_fail(db, NULL, stmt, err);
}

void db_rollback(ob_db *db)
{
    if (db->broken || PQtransactionStatus(db->conn) == PQTRANS_IDLE)
        return;
    ob_error ignored;
    if (!PQsendQuery(db->conn, "ROLLBACK") ||
        db_wait(db, ob_mono_ms() + ROLLBACK_TIMEOUT_MS, &ignored) < 0) {
        db_break(db);
        return;
    }
    PGresult *res;
    while ((res = PQgetResult(db->conn)))
        PQclear(res);
    if (PQtransactionStatus(db->conn) != PQTRANS_IDLE)
        db_break(db);
}
