/* Work that comes again: a thread with a database connection of its own that runs one function
 * every so often, in short transactions, beside everything else. */
#pragma once

#include "ob/db.h"

typedef struct ob_sweeper ob_sweeper;

/* One pass. Errors end it; the connection is made anew when it is broken. */
typedef int (*ob_sweep)(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err);

typedef struct ob_sweeper_config {
    const char *conninfo, *application; /* borrowed */
    const ob_db_stmt *stmts;
    int64_t every_ms;
    ob_sweep sweep;
    void (*failed)(int r, const ob_error *err, void *arg); /* a pass; -ECANCELED: on the way out */
    void *arg;
} ob_sweeper_config;

/* Starts the thread; the first pass comes after 'every_ms', none within an hour after the wall
 * clock was set. Errors: -errno of the thread. */
int ob_sweeper_start(const ob_sweeper_config *config, ob_sweeper **ret, ob_error *err);
/* Waits for the step under way. NULL: nothing. */
void ob_sweeper_stop(ob_sweeper *sweeper);

/* Between two steps of a pass: rests for as long as the last one took, so that at least half of the
 * time is for others. False: the thread is to stop, or the connection is gone. */
bool ob_sweeper_rest(ob_sweeper *sweeper);
/* How often a retention of so many seconds is to be looked after, in milliseconds. */
int64_t ob_sweeper_interval(int64_t retention_s);
