/* Stopping all jobs that match a request, in bounded steps: a round stops those of one page of
 * living jobs. Thread: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"
#include "ob/id.h"

struct scheduler;

/* What a round writes about a step. */
typedef struct stop_step {
    int64_t id;
    ob_uuid after; /* the last job of the page; nil: there was none */
    int64_t looked, matched, finished_at_ms; /* finished_at_ms 0: not finished */
} stop_step;

/* Zero: nothing is known. */
typedef struct mass_stops {
    bool stale;               /* the open requests must be read */
    struct mass_stop *open;   /* the oldest first; one at a time is carried out */
    size_t n_open;
    int64_t *begun;           /* named by inbox rows of this round */
    size_t n_begun, cap_begun;
    bool stepped; /* this round has a step of the first one */
    stop_step step;
} mass_stops;

/* An inbox row names a request. It begins with the round that deletes the row; pages are read from
 * the next one on, when all earlier submissions are in the tables. */
void stops_begin(struct scheduler *s, int64_t id);
/* Feeds the engine the jobs of the next page, if a request is open. The tables must say what the
 * engine holds: call it before a round is decided. */
int stops_step(struct scheduler *s, ob_error *err);
/* Is there more to do at once? */
bool stops_pending(const struct scheduler *s);
/* The round with the step, and with what has begun, is committed. */
void stops_committed(struct scheduler *s);
/* They must be read again. */
void stops_forget(struct scheduler *s);
