/* Waits for the schema. Owns a connection while it waits. Invariant: sends nothing that PostgreSQL
 * would log as an error. */
#include "ob/schema.h"

#include <poll.h>
#include <stdio.h>

#include "ob/clock.h"
#include "ob/db.h"
#include "ob/log.h"
#include "ob/service.h"
#include "schema_sql.h"

#define AGAIN_MS 250

static int ask(ob_db *db, const char *sql, int64_t *ret, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = ob_db_sql(db, sql, NULL, &res, err);
    *ret = r == 0 ? ob_col_int(res, 0, SCHEMA_NUMBER, 0) : 0;
    return r;
}

static int version_of(ob_db *db, int64_t *ret, ob_error *err)
{
    int r = ask(db, SQL_SCHEMA_MADE, ret, err);
    return r < 0 || *ret == 0 ? r : ask(db, SQL_SCHEMA_VERSION, ret, err);
}

void ob_schema_wait(const char *conninfo, const char *application, int version)
{
    ob_cleanup(ob_db_freep) ob_db *db = NULL;
    bool told = false;
    while (!ob_service_stopping) {
        ob_error err = { 0 };
        int64_t have = 0;
        int r = db && ob_db_ok(db) ? 0 : -1;
        if (r < 0) {
            ob_db_free(db);
            db = NULL;
            r = ob_db_connect(conninfo, application, &db, &err);
        }
        if (r == 0)
            r = version_of(db, &have, &err);
        if (r == 0 && have >= version)
            break;
        char text[100];
        (void)snprintf(text, sizeof(text), "the api has not yet migrated the tables to version %d",
                       version);
        ob_health_beat();
        ob_health_set("postgresql", true, false, r < 0 ? err.text : text);
        if (!told)
            ob_info("schema.awaited", "{s:s}", "reason", r < 0 ? err.text : text);
        told = true;
        (void)poll(&(struct pollfd){ .fd = ob_service_stop_fd(), .events = POLLIN }, 1, AGAIN_MS);
    }
}
