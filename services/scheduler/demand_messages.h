/* Sends the scaler, for each environment, the waiting work and the placements: a level, on change
 * and every 5 s. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* Is the 5 s level due (a fenced commit must go before it)? */
bool demand_due(const scheduler *s, int64_t now_ms);
/* Call it after a commit: sends the round's changes, or everything when the level is due. */
void demand_send(scheduler *s);
