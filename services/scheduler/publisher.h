/* Turns committed job_event rows into batch.job-state: EventBridge events, at least once, in order
 * for each job (repeats carry the same id). A thread of its own with its own connection and
 * producer; it may lag and never holds a round. */
#pragma once

#include "scheduler.h"

int publisher_new(const scheduler_config *config, publisher **ret, ob_error *err);
void publisher_free(publisher *p); /* what is not acknowledged is published by the next one */

/* This process leads with 'epoch', or does not (0). Any thread. */
void publisher_lead(publisher *p, int64_t epoch);
/* There are new rows. Any thread. */
void publisher_kick(publisher *p);
/* Events acknowledged since the start. Any thread. */
uint64_t publisher_count(publisher *p);
/* Events that were too large to be sent at all, since the start. Any thread. */
uint64_t publisher_skipped(publisher *p);
/* How long it has not moved while it leads: neither on, nor found nothing to tell. Any thread. */
int64_t publisher_stuck_ms(publisher *p);
