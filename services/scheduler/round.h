/* A round: input goes through the engine, its decision is committed, and only then is anything
 * sent. Thread: the loop's. */
#pragma once

#include "scheduler.h"

/* One turn: reads what doorbells named, feeds the engine and, if there is work, makes a round.
 * Errors: those of ob_leader_commit and of reading; nothing was committed. */
int round_turn(scheduler *s, ob_error *err);
/* After a turn that failed on a usable connection: loads everything again. The next turn feeds the
 * same input. */
int round_again(scheduler *s, ob_error *err);

/* Times of the last rounds that did something, in microseconds; a sliding window of ROUND_WINDOW.
 */
void round_quantiles(const uint32_t *times,
                     uint64_t count,
                     uint32_t *ret_median,
                     uint32_t *ret_p99);
