/* A leading scheduler with a PostgreSQL of its own, without Kafka, for tests of its rounds: they
 * submit jobs, report as executors do, and look at the tables. */
#pragma once

#include "unit.h"

#include "migrated.h"
#include "ob/error.h"
#include "scheduler.h"

extern own_server server; /* no pid: PostgreSQL is not installed */
extern scheduler s;
extern int n_jobs;       /* submitted so far; the last one's number */
extern int64_t stuck_ms; /* the publisher's */

/* Of all tests of a program. */
int start(void **state);
int stop(void **state);

__attribute__((format(printf, 1, 2))) void sql(const char *fmt, ...);
/* The only number that it returns; -1: none. */
int64_t count(const char *query);

/* An accepted job of 1 vCPU; its doorbell has been heard. */
ob_uuid submit(void);
/* An ACTIVE one of 4 vCPUs that the scheduler has been told of. */
int add_instance(void);

/* As the leader's loop: on while there is something to do, and once more after a failure. */
void turn(void);
/* A new epoch: all is loaded. */
void lead(void);
/* Another one leads, and has made a turn. */
void the_next_leader(void);

/* What an executor says of a first run. */
void report(ob_uuid job, const char *instance, engine_run_state state);
/* Where it is placed; static. */
const char *instance_of(ob_uuid job);
