/* The time in which silence of executors counts: only while the scaler's own probe comes back, and
 * while this process listens. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct listening {
    int64_t good_since_ms; /* time since which the way from executors is open; 0: it is not */
    int64_t turned_at_ms;  /* last call of listening_turn */
    int64_t owed_ms;       /* stalls of this process that must still be compensated */
} listening;

typedef struct listening_limits {
    int64_t grace_ms;    /* after the way is open again, silence does not count yet */
    int64_t turn_max_ms; /* a longer turn did not listen */
    int64_t owed_max_ms;
} listening_limits;

#define LINK_BROKEN (-1)

void listening_begin(listening *l, int64_t now_ms);
/* Call it once a turn: returns the time since the last turn in which silence of executors counts.
 * LINK_BROKEN: 'open' is false because the probe did not come back. Then no time counts, not even
 * earlier time; once the way is open again, executors have their whole time, after grace_ms, to be
 * heard. A turn longer than turn_max_ms does not count, and neither does as much time again: this
 * process did not listen, and on such a host the executors are delayed as well. */
int64_t listening_turn(listening *l, int64_t now_ms, bool open, const listening_limits *limits);
