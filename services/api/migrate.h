/* The schema, applied at start. */
#pragma once

#include "ob/db.h"

typedef struct migration {
    int version; /* 0 ends the table */
    const char *name;
    const char *sql;
} migration;
extern const migration migrations[]; /* made from sql/ at build time */

/* Applies, in order, the migrations that are not in table schema_migration: each in its own
 * transaction, all under an advisory lock (another api that starts at the same time waits).
 * *ret_applied: their number. Errors: -EINVAL (a migration in the database differs from ours, or is
 * newer), database errors. */
int migrate(ob_db *db, const migration *all, int *ret_applied, ob_error *err);
