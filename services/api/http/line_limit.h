/* How many lines are written that any caller can cause as often as it likes, so that a flood of
 * them does not push everything else out of the log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LINE_SLOTS 256

/* A bucket that fills steadily; a line takes one from it. */
typedef struct line_bucket {
    int64_t full_ms; /* when it is full again; 0: it is */
} line_bucket;

/* Of one kind of callers. Zero-initialise. */
typedef struct line_limit {
    line_bucket all;
    line_bucket of[LINE_SLOTS]; /* by a hash of who it is: one flood does not hide others */
    uint64_t omitted;           /* since line_limit_omitted */
} line_limit;

/* A line every each_ms, and 'burst' of them at once: for all callers, and for each. */
typedef struct line_rates {
    int64_t each_ms, burst;
    int64_t each_ms_one, burst_one;
} line_rates;

/* May a line about 'who' be written now? If not, it is counted. */
bool line_limit_take(line_limit *l, const line_rates *rates, const char *who, int64_t now_ms);
/* The number of lines that were left out; begins again. */
uint64_t line_limit_omitted(line_limit *l);
