/* Whose output a chunk of batch.logs is: that follows from its run, not from its own members. */
#pragma once

#include <uthash.h>

#include "log_store.h"
#include "ob/id.h"

/* A run, its instance, and where its output goes. Shared by its chunks; only log_patience.c
 * changes it, by counting in 'held'. */
typedef struct log_run {
    char text[OB_RUN_TEXT];
    char instance[OB_INSTANCE_TEXT];
    char job_id[OB_UUID_TEXT];
    int32_t index;
    char *account, *region, *group, *stream;
    size_t held; /* bytes of its chunks that wait */
    int refs;
    UT_hash_handle hh;
} log_run;

typedef struct log_runs log_runs;

log_runs *log_runs_new(void);
/* Runs that chunks still refer to stay until these are gone. */
void log_runs_free(log_runs *runs);

/* The run, if the cache has it on that instance; NULL: ask the database. The caller gets a
 * reference. */
log_run *log_runs_get(log_runs *runs, const char *run, const char *instance);
void log_run_unref(log_run *run);

/* Looks for 'n' runs on their instances in one statement: ret[i] is a new reference, or unchanged
 * if that run is not there. A run is on one instance only, and its job never changes, so entries
 * stay true. */
int log_runs_find(log_runs *runs,
                  ob_db *db,
                  const ob_run_ref *refs,
                  const char *const *instances,
                  size_t n,
                  log_run **ret,
                  ob_error *err);
