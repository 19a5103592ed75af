/* Queues, environments and instances: from PostgreSQL into the engine, and what becomes of a queue.
 * Levels: read again whenever a doorbell names them, all of them at each reconciliation. Thread:
 * the loop's. */
#pragma once

#include "scheduler.h"

topology *topology_new(void);
void topology_free(topology *t);
void topology_clear(topology *t);

/* Reads everything. loading: the engine is being filled, so LOST instances are put as DRAINING
 * until topology_loaded tells it the truth (their runs end then). Without it, what is no longer in
 * the tables is dropped. */
int topology_read_all(scheduler *s, bool loading, ob_error *err);
/* After all jobs were loaded: LOST and TERMINATED instances are put as what they are. */
int topology_loaded(scheduler *s, ob_error *err);

/* Notes what is to be read again. */
void topology_queue_changed(topology *t, int64_t id);
void topology_ce_changed(topology *t, int64_t id);
void topology_instance_changed(topology *t, const char *id);
/* A submission names this queue: read it if it is not known. */
void topology_want_queue(topology *t, int64_t id);
/* Reads what was noted, and the environments those need. Safe to repeat: they are levels. */
int topology_refresh(scheduler *s, ob_error *err);

/* Statuses that are behind the queues' versions, and deleted queues that hold no job any more; into
 * arrays that live until the next call. A deleted queue that could not go yet (a submission of it
 * is still in the inbox) is owed again after topology_retry_gone. */
typedef struct topology_owed {
    const int64_t *queues, *versions, *gone;
    size_t n_queues, n_gone;
} topology_owed;
void topology_owes(scheduler *s, topology_owed *ret);
void topology_retry_gone(topology *t);
/* They were committed; gone: queue ids that are gone. */
void topology_committed(scheduler *s, const topology_owed *owed, const PGresult *gone);

/* "" when it is not known. */
const char *topology_ce_name(const topology *t, int64_t ce_id);
/* Calls fn for each environment. */
void topology_each_ce(const topology *t, void (*fn)(int64_t ce_id, void *arg), void *arg);
