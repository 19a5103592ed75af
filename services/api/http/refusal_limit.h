/* How many refusals are logged, so that a flood of them fills no disk. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define REFUSAL_SLOTS 256

/* A bucket that fills steadily; a line takes one from it. */
typedef struct refusal_bucket {
    int64_t full_ms; /* when it is full again; 0: it is */
} refusal_bucket;

/* Of one kind of callers. Zero-initialise. */
typedef struct refusal_limit {
    refusal_bucket all;
    refusal_bucket of[REFUSAL_SLOTS]; /* by a hash of who it is: one flood does not hide others */
    uint64_t omitted;                 /* since refusal_limit_omitted */
} refusal_limit;

/* A line every each_ms, and 'burst' of them at once: for all callers, and for each. */
typedef struct refusal_rates {
    int64_t each_ms, burst;
    int64_t each_ms_one, burst_one;
} refusal_rates;

/* May a line about 'who' be written now? If not, it is counted. */
bool refusal_limit_take(refusal_limit *l,
                        const refusal_rates *rates,
                        const char *who,
                        int64_t now_ms);
/* The number of lines that were left out; begins again. */
uint64_t refusal_limit_omitted(refusal_limit *l);
