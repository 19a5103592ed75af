/* Tells the scaler, for each environment, which work waits and what is placed where: a level, on
 * change and every 5 s. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* Is the 5 s level due (a fenced commit must go before it)? */
bool demand_due(const scheduler *s, int64_t now_ms);
/* After a commit: sends what the round changed, or everything when it is due. */
void demand_send(scheduler *s);
