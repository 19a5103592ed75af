/* The one writer of an executor's life. Thread: the loop's. */
#include "executor.h"

#include "ob/state_moves.h"

void executor_set_life(executor *x, executor_life life)
{
    static const char *const names[] = { "working", "leaving", "gone", "purging", "purged" };
    static const unsigned next[] = {
        [LIFE_WORKING] =
            OB_MOVE_TO(LIFE_LEAVING) | OB_MOVE_TO(LIFE_GONE) | OB_MOVE_TO(LIFE_PURGING),
        [LIFE_LEAVING] = OB_MOVE_TO(LIFE_GONE),
        [LIFE_PURGING] = OB_MOVE_TO(LIFE_PURGED),
        [LIFE_PURGED] = 0,
    };
    static const ob_state_moves moves = { "life", names, next };
    ob_state_moves_check(&moves, x->config->instance, (int)x->life, (int)life);
    x->life = life;
}
