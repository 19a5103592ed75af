/* The time in which silence counts, see listening.h. Owns nothing. Loop thread. */
#include "listening.h"

void listening_begin(listening *l, int64_t now_ms)
{
    *l = (listening){ .turned_at_ms = now_ms };
}

int64_t listening_turn(listening *l, int64_t now_ms, bool open, const listening_limits *limits)
{
    int64_t passed = now_ms - l->turned_at_ms;
    l->turned_at_ms = now_ms;
    if (!open)
        l->good_since_ms = 0;
    else if (l->good_since_ms == 0)
        l->good_since_ms = now_ms;
    if (passed > limits->turn_max_ms) {
        l->owed_ms += passed;
        if (l->owed_ms > limits->owed_max_ms)
            l->owed_ms = limits->owed_max_ms;
        passed = 0;
    }
    if (!open)
        return LINK_BROKEN;
    if (now_ms - l->good_since_ms <= limits->grace_ms)
        return 0;
    int64_t paid = passed < l->owed_ms ? passed : l->owed_ms;
    l->owed_ms -= paid;
    return passed - paid;
}
