/* A cache of runs with recent output. Owns its entries, at most RUNS_MAX. Thread: the intake's. */
#include "log_runs.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "ob/log_target.h"

#define RUNS_MAX 10000 /* all are forgotten then: no list of the last used to keep */

struct log_runs {
    log_run *table;
};

log_runs *log_runs_new(void)
{
    return ob_calloc(1, sizeof(log_runs));
}

void log_run_unref(log_run *run)
{
    if (!run || --run->refs > 0)
        return;
    free(run->account);
    free(run->region);
    free(run->group);
    free(run->stream);
    free(run);
}

static void forget_all(log_runs *runs)
{
    log_run *run, *next;
    HASH_ITER(hh, runs->table, run, next)
    {
        HASH_DEL(runs->table, run);
        log_run_unref(run);
    }
}

void log_runs_free(log_runs *runs)
{
    if (!runs)
        return;
    forget_all(runs);
    free(runs);
}

static log_run *find(const log_runs *runs, const char *text)
{
    log_run *run = NULL;
    HASH_FIND_STR(runs->table, text, run);
    return run;
}

static log_run *ref_run(log_run *run)
{
    if (run)
        run->refs++;
    return run;
}

log_run *log_runs_get(log_runs *runs, const char *text, const char *instance)
{
    log_run *run = find(runs, text);
    return run && strcmp(run->instance, instance) == 0 ? ref_run(run) : NULL;
}

/* Adds the run to the cache; NULL: we do not store its output. */
static log_run *add(log_runs *runs,
                    const ob_run_ref *ref,
                    const char *instance,
                    const char *account,
                    const char *region,
                    const json_t *configuration,
                    const char *definition)
{
    ob_cleanup(ob_freep) char *prefix = ob_log_prefix(configuration, definition);
    char text[OB_RUN_TEXT];
    ob_run_ref_format(ref, text);
    log_run *run = find(runs, text);
    if (!prefix || run)
        return run;
    if (HASH_COUNT(runs->table) >= RUNS_MAX)
        forget_all(runs);
    run = ob_calloc(1, sizeof(*run));
    run->refs = 1;
    memcpy(run->text, text, sizeof(text));
    (void)snprintf(run->instance, sizeof(run->instance), "%s", instance);
    ob_uuid_format(&ref->id, run->job_id);
    run->index = ref->index;
    run->account = ob_strdup(account);
    run->region = ob_strdup(ob_log_region(configuration, region));
    run->group = ob_strdup(ob_log_group(configuration));
    run->stream = ob_log_stream(prefix, ref);
    HASH_ADD_STR(runs->table, text, run);
    return run;
}

int log_runs_find(log_runs *runs,
                  ob_db *db,
                  const ob_run_ref *refs,
                  const char *const *instances,
                  size_t n,
                  log_run **ret,
                  ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = n > 0 ? log_store_runs(db, refs, instances, n, &res, err) : 0;
    if (r < 0 || n == 0)
        return r;
    for (int row = 0; row < PQntuples(res); row++) {
        size_t i = (size_t)ob_col_int(res, row, LOG_RUN_COL_ORD, 1) - 1;
        json_auto_t *configuration = ob_json_read_text(ob_col(res, row, LOG_RUN_COL_CONFIGURATION));
        ret[i] = ref_run(add(runs, &refs[i], instances[i], ob_col(res, row, LOG_RUN_COL_ACCOUNT),
                             ob_col(res, row, LOG_RUN_COL_REGION), configuration,
                             ob_col(res, row, LOG_RUN_COL_DEFINITION)));
    }
    return 0;
}
