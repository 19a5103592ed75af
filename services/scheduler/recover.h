/* Fills an engine with what PostgreSQL says. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* A new engine with all queues, environments, instances, living jobs and stored reasons; the old
 * one is freed. In steps well under 100 ms, the leading connection kept alive between. What was fed
 * but not committed is to be fed again. */
int recover_load(scheduler *s, ob_error *err);

/* The engine's time: the wall clock's when its state was loaded, and from then on as a clock that
 * is never set. So a wall clock that jumps makes nothing be over early, or late. */
int64_t recover_engine_ms(const scheduler *s);
