/* Periodic work: a thread with its own database connection that runs one function at intervals, in
 * short transactions, beside everything else. */
#pragma once

#include "ob/db.h"

typedef struct ob_sweeper ob_sweeper;

/* One pass. An error ends it; a broken connection is made again. */
typedef int (*ob_sweep)(ob_sweeper *sweeper, ob_db *db, void *arg, ob_error *err);

typedef struct ob_sweeper_config {
    const char *conninfo, *application; /* borrowed */
    const ob_db_stmt *stmts;
    int64_t every_ms;
    ob_sweep sweep;
    void (*failed)(int r,
                   const ob_error *err,
                   void *arg); /* a pass; -ECANCELED: the thread is stopping */
    void *arg;
} ob_sweeper_config;

/* Starts the thread. The first pass comes after 'every_ms', and none within an hour after the wall
 * clock was set. Errors: -errno of the thread. */
int ob_sweeper_start(const ob_sweeper_config *config, ob_sweeper **ret, ob_error *err);
/* Waits for the current step and ends the thread. NULL: does nothing. */
void ob_sweeper_stop(ob_sweeper *sweeper);

/* Call it between two steps of a pass: it rests for as long as the last step took, so that at least
 * half of the time is left for others. False: the thread must stop, or the connection is lost. */
bool ob_sweeper_rest(ob_sweeper *sweeper);
/* The interval in milliseconds at which to apply a retention of that many seconds. */
int64_t ob_sweeper_interval(int64_t retention_s);

/* Deletes the points of use that are older than OB_USAGE_KEPT_S, in steps with rests between them:
 * 'stmt' (PAST_USAGE) deletes those of one queue or environment. id_column and deleted_column are
 * its columns. Errors: those of the statement; -ECANCELED: the thread must stop. */
int ob_sweep_usage(ob_sweeper *sweeper,
                   ob_db *db,
                   ob_point point,
                   const char *stmt,
                   int id_column,
                   int deleted_column,
                   ob_error *err);
