/* The moves that a state may make. */
#pragma once

/* One state of something: its name, its values' names and, for each value, the set of those that
 * may follow it (STATE_TO each). */
typedef struct state_moves {
    const char *state;
    const char *const *values;
    const unsigned *next;
} state_moves;

#define STATE_TO(value) (1u << (value))

/* To be called by the one function that sets the state, before it does. A move that is not in the
 * table is a mistake in this program: builds for tests (OB_CHECKED) end there; others log it and go
 * on, because a run must not suffer from a table. from == to is no move. */
void state_check(const state_moves *moves, const char *run, int from, int to);
