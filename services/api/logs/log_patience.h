/* How long output waits behind gaps: so long that nobody's waits at the cost of others. */
#pragma once

#include "log_batch.h"

typedef struct log_patience log_patience;

log_patience *log_patience_new(int64_t now_ms);
void log_patience_free(log_patience *p);

/* Before chunks are stored: those of instances that have no time left do not wait. */
void log_patience_before(const log_patience *p, log_chunk *list, int64_t now_ms);

/* After they were stored: 'list' is what waits. Measures the time, and ends the waiting of the
 * oldest chunks until the rest is within the limits, for each run and in all. */
void log_patience_after(log_patience *p, log_chunk *list, int64_t now_ms);

/* Nothing is left to be committed: all have their whole time again. */
void log_patience_committed(log_patience *p, int64_t now_ms);
