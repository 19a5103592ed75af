/* What executors are sent. The engine knows which runs are wanted; this sends them. Nothing here
 * decides anything about jobs. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* After a commit: sends the orders of the round (specs: rows of the statement "specs", or NULL),
 * the FENCE and SYNCs owed, and what is drained. */
void placements_send(scheduler *s, const PGresult *specs);
/* Tells the engine the end of runs whose description could not be sent, again until a round with it
 * is committed. */
void placements_refused(scheduler *s);
/* Is anything owed that a fenced commit must go before? */
bool placements_owe(const scheduler *s);
