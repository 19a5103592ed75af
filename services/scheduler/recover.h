/* Fills an engine from PostgreSQL. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* A new engine with all queues, environments, instances, living jobs and stored reasons; the old
 * one is freed. Works in steps well under 100 ms, and keeps the leading connection alive in
 * between. Input that was fed but not committed must be fed again. */
int recover_load(scheduler *s, ob_error *err);

/* The engine's time: the wall clock when its state was loaded, and from then on a clock that is
 * never set. So a jump of the wall clock makes no wait too short or too long. */
int64_t recover_engine_ms(const scheduler *s);
