/* The faults of a history: a list that is drawn before it begins, from a stream of its own, so that
 * leaving one out changes nothing else. */
#pragma once

#include "ob/point.h"
#include "pg/sim_pg.h"
#include "sim.h"

#define FAULTS_MAX 64

typedef struct fault {
    int64_t at_us;
    int kind; /* see fault_name */
    uint64_t which;
    int64_t for_us;
    int n;
} fault;

extern const char *const fault_names[]; /* NULL ends it */

/* kinds: a bit each. Returns how many were drawn, also of other kinds: the same for each list. */
size_t faults_draw(uint64_t seed, uint64_t kinds, int64_t until_us, fault out[FAULTS_MAX]);
/* Applies those whose bit is set, at their times. */
void faults_plan(const fault *list, size_t n, uint64_t mask);
/* From now on nothing goes wrong any more. */
void faults_end(void);
/* Is it the excuse for a job's failure? */
bool fault_hurts_jobs(const fault *f);

/* For ob_point_watch: a durable step. */
void faults_pass_point(ob_point point, ob_point_side side);
/* For the hook of sim_pg. */
sim_pg_fault faults_of_pg(const sim_pg_call *call, void *arg);

/* ---- history.c: the services' processes ---- */
/* The n-th of the schedulers, scalers and apis; NULL: it is not there at the moment. */
process *history_service(uint64_t n);
host *history_host(uint64_t n);
