/* The moves that a state may make. */
#pragma once

#include <stdbool.h>

/* One state of something: its name, its values' names and, for each value, the set of those that
 * may follow it (OB_MOVE_TO each). */
typedef struct ob_state_moves {
    const char *state;
    const char *const *values;
    const unsigned *next;
} ob_state_moves;

#define OB_MOVE_TO(value) (1u << (value))

/* Is the move in the table? The one function that sets the state asks this before it does. If not,
 * it is logged. of: what has the state, a run or an instance. from == to is no move, and allowed.
 * Any thread. */
bool ob_state_moves_allow(const ob_state_moves *moves, const char *of, int from, int to);

/* As ob_state_moves_allow, for a move that only a mistake in this program can bring about: builds
 * for tests (OB_CHECKED) end there; others go on, because work must not suffer from a table. */
void ob_state_moves_check(const ob_state_moves *moves, const char *of, int from, int to);
