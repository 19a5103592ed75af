/* A round: what has arrived goes through the engine, what it decides is committed, and only then is
 * anything sent. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* One turn: reads what doorbells named, feeds the engine and, if there is anything to do, makes a
 * round. Errors: LEAD_LOST, LEAD_DEPOSED (scheduler.h). */
int round_turn(scheduler *s, ob_error *err);

/* Times of the last rounds that did something, in microseconds; a sliding window of ROUND_WINDOW.
 * permille: 500 = the median. */
uint32_t round_time(const uint32_t *times, uint64_t count, int permille);
