/* Sends messages to executors. The engine has the runs that should exist; this sends them. Nothing
 * here decides about jobs. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* Call it after a commit: sends the orders of the round (specs: rows of the statement "specs", or
 * NULL), pending FENCE and SYNCs, and drained instances. */
void placements_send(scheduler *s, const PGresult *specs);
/* Reports to the engine the end of runs whose description could not be sent, until a round with it
 * is committed. */
void placements_refused(scheduler *s);
/* Is a message pending that may be sent only after a fenced commit? */
bool placements_owe(const scheduler *s);
