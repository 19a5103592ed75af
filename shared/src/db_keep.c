/* A connection that its owner keeps for as long as it lives: made when it is first needed, and made
 * anew when it is broken. Holds no state of its own. */
#include "ob/db.h"

int ob_db_keep(ob_db **db,
               const char *conninfo,
               const char *application,
               ob_db_set_up set_up,
               const ob_db_stmt *stmts,
               ob_error *err)
{
    if (*db && ob_db_ok(*db))
        return 0;
    ob_db_free(*db);
    *db = NULL;
    ob_cleanup(ob_db_freep) ob_db *made = NULL;
    int r = ob_db_connect(conninfo, application, &made, err);
    if (r == 0)
        r = set_up(made, err);
    if (r == 0)
        r = ob_db_prepare(made, stmts, err);
    if (r == 0)
        *db = ob_take(made);
    return r;
}

int ob_db_commit_soon(ob_db *db, ob_error *err)
{
    return ob_db_sql(db, "SET synchronous_commit = off", NULL, NULL, err);
}
