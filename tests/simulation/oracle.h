/* The oracle knows what clients were answered, what containers did and what was committed, each
 * from its own source, and compares. It asks the product nothing. */
#pragma once

#include "pg/sim_pg.h"
#include "sim.h"

/* What a job's containers do; words of a container's command (runtime_sim.c). */
typedef enum job_kind {
    KIND_OK,
    KIND_FAIL,  /* exit code 1 to 3 */
    KIND_FLAKY, /* fails once or twice, then succeeds */
    KIND_OOM,
    KIND_NOSTART,
    KIND_STUBBORN, /* ignores SIGTERM */
    KIND_COUNT,
} job_kind;

typedef struct job_plan {
    job_kind kind;
    int64_t for_ms;
    int number; /* FAIL: the code; FLAKY: how often it fails */
} job_plan;

void oracle_open(void);
/* A job was accepted. The row is copied. */
void oracle_accepted(const pg_job *row, const job_plan *plan);
/* A request to stop it was accepted: it may fail from now on. */
void oracle_stop_asked(const ob_uuid *id);
/* The same for all jobs of a queue that were submitted by then. */
void oracle_stops_asked(int64_t queue_id, int64_t created_at_ms);
/* From now on faults excuse a failure. */
void oracle_excuses(void);
/* Each commit (sim_pg_hooks.committed). */
void oracle_committed(const sim_pg_commit *commit, void *arg);

/* Has everything come to rest? *ret_why: what has not, of static storage. */
bool oracle_rests(const char **ret_why);
/* It does not: ends the history. why: as above. */
__attribute__((noreturn)) void oracle_restless(const char *why);
/* At rest: did every job get its one end? */
void oracle_judge(void);
/* Ended jobs, and all, for the report. */
size_t oracle_jobs(void);
size_t oracle_runs(void);
/* An accepted job, the n-th modulo their number; NULL: there is none. */
const pg_job *oracle_pick(uint64_t n);
