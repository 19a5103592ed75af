/* Queues, environments and instances: loads them from PostgreSQL into the engine, and reports the
 * status of queues. Levels: read again whenever a doorbell names them, and all of them at each
 * reconciliation. Thread: the loop's. */
#pragma once

#include "scheduler.h"

topology *topology_new(void);
void topology_free(topology *t);
void topology_clear(topology *t);

/* Reads everything. loading: the engine is being filled, so LOST instances are put as DRAINING
 * until topology_loaded puts their true state (then their runs end). Otherwise, what is no longer
 * in the tables is dropped. */
int topology_read_all(scheduler *s, bool loading, ob_error *err);
/* Call it after all jobs were loaded: LOST and TERMINATED instances are put in their true state. */
int topology_loaded(scheduler *s, ob_error *err);

/* Records what must be read again. */
void topology_queue_changed(topology *t, int64_t id);
void topology_ce_changed(topology *t, int64_t id);
void topology_instance_changed(topology *t, const char *id);
/* A submission names this queue: reads it if it is not known. */
void topology_want_queue(topology *t, int64_t id);
/* Reads what was recorded, and the environments that it needs. Safe to repeat: they are levels. */
int topology_refresh(scheduler *s, ob_error *err);

/* Statuses that are older than the queues' versions, and deleted queues without jobs; into arrays
 * that are valid until the next call. A deleted queue that could not be removed yet (a submission
 * of it is still in the inbox) is returned again after topology_retry_gone. */
typedef struct topology_owed {
    const int64_t *queues, *versions, *gone;
    size_t n_queues, n_gone;
} topology_owed;
void topology_owes(scheduler *s, topology_owed *ret);
void topology_retry_gone(topology *t);
/* Call it when they were committed; gone: ids of queues that were removed. */
void topology_committed(scheduler *s, const topology_owed *owed, const PGresult *gone);

/* "" when it is not known. */
const char *topology_ce_name(const topology *t, int64_t ce_id);
/* Calls fn for each environment. */
void topology_each_ce(const topology *t, void (*fn)(int64_t ce_id, void *arg), void *arg);
