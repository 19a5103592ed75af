/* Fills an engine with what PostgreSQL says. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* A new engine with all queues, environments, instances, living jobs and stored reasons; the old
 * one is freed. In steps well under 100 ms, the leading connection kept alive between. What was fed
 * but not committed is to be fed again. */
int recover_load(scheduler *s, ob_error *err);
