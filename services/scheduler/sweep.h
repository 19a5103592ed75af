/* Periodic work, so that a lost message does not matter. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* Records what is due by the clock: the inbox every second, deleted queues, the reconciliation. */
void sweep_tick(scheduler *s, int64_t now_ms);
/* Reads inbox rows, if there was a doorbell or it is time, and feeds the engine; the round deletes
 * the rows. */
int sweep_inbox(scheduler *s, ob_error *err);
/* Call it when the round deleted the rows, or when they must be read again. */
void sweep_inbox_forget(scheduler *s);
/* Reads all queues, environments and instances again and asks every executor to register, if it is
 * time or positions were lost. */
int sweep_reconcile(scheduler *s, ob_error *err);
