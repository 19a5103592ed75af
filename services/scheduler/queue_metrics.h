/* The metrics of queues: counted with each committed round, and set from the engine's figures. All
 * functions: the loop's thread. */
#pragma once

#include "scheduler.h"

/* A round has been committed: counts its events and attempts. */
void queue_metrics_count(const scheduler *s);
/* Sets what the engine knows of queues and shares; series of queues that are gone go. Once a
 * second. */
void queue_metrics_post(scheduler *s, int64_t now_ms);
/* This process does not lead any more: nothing that it knew is still true. */
void queue_metrics_forget(void);
