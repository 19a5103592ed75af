/* Turns committed job_event rows into batch.job-state: EventBridge events, at least once, in order
 * for each job (repeats have the same id). It has its own thread, connection and producer; it may
 * lag and never delays a round. */
#pragma once

#include "scheduler.h"

int publisher_new(const scheduler_config *config, publisher **ret, ob_error *err);
void publisher_free(publisher *p); /* the next one publishes events that are not acknowledged */

/* This process leads with 'epoch', or does not (0). Any thread. */
void publisher_lead(publisher *p, int64_t epoch);
/* There are new rows. Any thread. */
void publisher_kick(publisher *p);
/* Events acknowledged since the start. Any thread. */
uint64_t publisher_count(publisher *p);
/* Events that were too large to be sent at all, since the start. Any thread. */
uint64_t publisher_skipped(publisher *p);
/* The last round whose events are all published, as far as this process knows. Any thread. */
int64_t publisher_round(publisher *p);
/* The time for which publishing has made no progress while it leads: nothing published, although
 * something waits. Any thread. */
int64_t publisher_stuck_ms(publisher *p);
