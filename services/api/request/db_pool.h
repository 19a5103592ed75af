/* A few database connections for the api's many threads. */
#pragma once

#include "ob/db.h"

typedef struct db_pool db_pool;

/* A pool of at most 'n' connections, made when first needed; each with the statements of
 * 'tables' (ends with NULL, borrowed) prepared. */
db_pool *db_pool_new(const char *conninfo, const ob_db_stmt *const *tables, size_t n);
/* All connections must have been given back. */
void db_pool_free(db_pool *pool);

/* Takes a connection that works as far as can be seen; the oldest waiter comes first. Give it back
 * before waiting for anything but the database. Errors: retriable; -EBUSY (none became free in 2
 * s), -ENOTCONN (PostgreSQL was away a moment ago), -EIO. Any thread. */
int db_pool_take(db_pool *pool, ob_db **ret, ob_error *err);
/* Takes 'db' back; a broken one, or one inside a transaction, is dropped. NULL: nothing. Any
 * thread. */
void db_pool_give(db_pool *pool, ob_db *db);

/* A connection as the pool makes them, for a thread that keeps one of its own: a server that does
 * not answer is given up after seconds (see ob_db_set_timeout). Errors: retriable. */
int db_open(const char *conninfo,
            const char *application,
            const ob_db_stmt *const *tables,
            int timeout_ms,
            ob_db **ret,
            ob_error *err);
/* False when the server has closed its end while the connection was idle. */
bool db_usable(ob_db *db);
