/* Checks moves of states against their tables. Owns nothing. Any thread. */
#include "ob/state_moves.h"

#include <stdlib.h>

#include "ob/log.h"

bool ob_state_moves_allow(const ob_state_moves *moves, const char *of, int from, int to)
{
    if (from == to || moves->next[from] & OB_MOVE_TO(to))
        return true;
    ob_errlog("state.forbidden", "{s:s, s:s, s:s, s:s}", "of", of, "state", moves->state, "from",
              moves->values[from], "to", moves->values[to]);
    return false;
}

void ob_state_moves_check(const ob_state_moves *moves, const char *of, int from, int to)
{
    if (ob_state_moves_allow(moves, of, from, to))
        return;
#ifdef OB_CHECKED
    abort();
#endif
}
