/* Checks moves of states against their tables. Owns nothing. Any thread. */
#include "state_moves.h"

#include <stdlib.h>

#include "ob/log.h"

void state_check(const state_moves *moves, const char *run, int from, int to)
{
    if (from == to || moves->next[from] & STATE_TO(to))
        return;
    ob_errlog("state.forbidden", "{s:s, s:s, s:s, s:s}", "run", run, "state", moves->state, "from",
              moves->values[from], "to", moves->values[to]);
#ifdef OB_CHECKED
    abort();
#endif
}
