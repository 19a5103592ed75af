/* The time in which silence of executors counts: only while the scaler's own probe comes back, and
 * while this process listens. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct listening {
    int64_t good_since_ms; /* the way from executors is open since; 0: it is not */
    int64_t turned_at_ms;  /* last call of listening_turn */
    int64_t owed_ms;       /* stalls of this process that are still to be made good */
} listening;

typedef struct listening_limits {
    int64_t grace_ms;    /* after the way is open again, silence does not count yet */
    int64_t turn_max_ms; /* a turn that took longer has not listened */
    int64_t owed_max_ms;
} listening_limits;

#define LINK_BROKEN (-1)

void listening_begin(listening *l, int64_t now_ms);
/* Once a turn: the time since the last turn in which silence of executors counts. LINK_BROKEN (the
 * probe did not come back: 'open' is false): none of it does, nor what was counted before; once the
 * way is open again they have all of their time, and grace_ms before it, to be heard. A turn that
 * took longer than turn_max_ms does not count, and as much time again does not: who did not listen
 * has not heard, and on such a host the executors are held up as well. */
int64_t listening_turn(listening *l, int64_t now_ms, bool open, const listening_limits *limits);
