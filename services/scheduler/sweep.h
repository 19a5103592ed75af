/* What is done again and again, so that no lost message matters. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* Notes, by the clock, what is due: the inbox every second, deleted queues, the reconciliation. */
void sweep_tick(scheduler *s, int64_t now_ms);
/* Reads inbox rows, when there was a doorbell or it is time, and feeds the engine; the rows go with
 * the round. */
int sweep_inbox(scheduler *s, ob_error *err);
/* The rows were deleted by the round, or are to be read again. */
void sweep_inbox_forget(scheduler *s);
/* Reads all queues, environments and instances again and asks every executor to register, when it
 * is time or positions were lost. */
int sweep_reconcile(scheduler *s, ob_error *err);
