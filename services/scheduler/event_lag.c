/* Owns a list of the rounds that are not published. While the publisher stands still it grows by 16
 * bytes a round, up to a bound; then the last entry stands for several rounds. Thread: the
 * loop's. */
#include "event_lag.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

#define ROUNDS_MAX 100000

void event_lag_add(event_lag *lag, int64_t round, int64_t events)
{
    if (events == 0)
        return;
    lag->left += events;
    if ((lag->n == lag->cap || lag->n == ROUNDS_MAX) && lag->first > 0) {
        memmove(lag->rounds, lag->rounds + lag->first,
                (lag->n - lag->first) * sizeof(*lag->rounds));
        lag->n -= lag->first;
        lag->first = 0;
    }
    if (lag->n == ROUNDS_MAX) {
        lag->rounds[lag->n - 1].round = round;
        lag->rounds[lag->n - 1].events += events;
        return;
    }
    if (lag->n == lag->cap) {
        lag->cap = lag->cap ? lag->cap * 2 : 64;
        lag->rounds = ob_realloc(lag->rounds, lag->cap * sizeof(*lag->rounds));
    }
    lag->rounds[lag->n].round = round;
    lag->rounds[lag->n++].events = events;
}

int64_t event_lag_after(event_lag *lag, int64_t published)
{
    while (lag->first < lag->n && lag->rounds[lag->first].round <= published)
        lag->left -= lag->rounds[lag->first++].events;
    return lag->left;
}

void event_lag_clear(event_lag *lag)
{
    free(lag->rounds);
    *lag = (event_lag){ 0 };
}
