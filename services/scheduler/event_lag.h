/* How many events this leader has committed that are not published yet. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct event_lag {
    struct {
        int64_t round, events;
    } * rounds; /* oldest first */
    size_t n, cap, first;
    int64_t left;
} event_lag;

/* The round has committed so many events. */
void event_lag_add(event_lag *lag, int64_t round, int64_t events);
/* All rounds up to that one are published. Returns how many events are left. */
int64_t event_lag_after(event_lag *lag, int64_t published);
void event_lag_clear(event_lag *lag); /* and frees */
