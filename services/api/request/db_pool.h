/* A few database connections for the api's many threads. */
#pragma once

#include "ob/db.h"

typedef struct db_pool db_pool;

/* A pool of at most 'n' connections, made when first needed; each with the statements of
 * 'tables' (ends with NULL, borrowed) prepared. */
db_pool *db_pool_new(const char *conninfo, const ob_db_stmt *const *tables, size_t n);
/* All connections must have been given back. */
void db_pool_free(db_pool *pool);

/* Takes a connection that works as far as is known; the thread that waits longest comes first. Give
 * it back before you wait for anything but the database. Errors: retriable; -EBUSY (none became
 * free in 2 s), -ENOTCONN (PostgreSQL was unreachable a moment ago), -EIO. Any thread. */
int db_pool_take(db_pool *pool, ob_db **ret, ob_error *err);
/* Takes 'db' back; a broken one, or one inside a transaction, is dropped. NULL: nothing. Any
 * thread. */
void db_pool_give(db_pool *pool, ob_db *db);

/* A connection like those of the pool, for a thread that keeps its own: a server that does not
 * answer is given up after seconds (see ob_db_set_timeout). Errors: retriable. */
int db_open(const char *conninfo,
            const char *application,
            const ob_db_stmt *const *tables,
            int timeout_ms,
            ob_db **ret,
            ob_error *err);
/* False if the server has closed its end while the connection was idle. */
bool db_usable(ob_db *db);
