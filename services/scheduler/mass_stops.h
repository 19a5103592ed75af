/* Stopping all jobs that match a request, in bounded steps: a round stops those of one page of
 * living jobs. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* An inbox row names a request. It begins with the round that deletes the row; pages are read from
 * the next one on, when all earlier submissions are in the tables. */
void stops_begin(scheduler *s, int64_t id);
/* Feeds the engine the jobs of the next page, if a request is open. The tables must say what the
 * engine holds: call it before a round is decided. Errors: those of reading. */
int stops_step(scheduler *s, ob_error *err);
/* Is there more to do at once? */
bool stops_pending(const scheduler *s);
/* The round with the step, and with what has begun, is committed. */
void stops_committed(scheduler *s);
/* They must be read again. */
void stops_forget(scheduler *s);
