/* Which messages of batch.placements count (docs/messages.md), and what was seen before: the
 * highest (epoch, seq), our session, tombstones of confirmed runs. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct placement placement;

typedef struct placement_position {
    int64_t epoch, seq;
} placement_position;

/* The orders of a message, in this sequence. 'advance' comes first, if the position has moved. */
typedef struct placement_sink {
    void (*advance)(placement_position last, void *arg);
    void (*confirm)(const char *run, void *arg);
    void (*stop)(const char *run, int grace_s, void *arg);
    void (*run)(const char *run, int attempt, json_t *spec, void *arg); /* spec: borrowed */
    void (*sync)(void *arg);
    void (*leave)(void *arg); /* the instance has ended */
    void *arg;
} placement_sink;

typedef enum placement_result {
    PLACEMENT_TAKEN,
    PLACEMENT_OTHER_INSTANCE,
    PLACEMENT_OTHER_SESSION, /* and not old: another process may act for this instance */
    PLACEMENT_STALE,         /* an (epoch, seq) not above the last, a deposed leader */
    PLACEMENT_BAD,           /* err says why */
} placement_result;

placement *placement_new(const char *instance, placement_position last, placement_sink sink);
void placement_free(placement *p);

/* Sets the session that counts from now on; NULL: none. */
void placement_set_session(placement *p, const char *session);
placement_position placement_last(const placement *p);

placement_result placement_take(placement *p, const char *data, size_t len, ob_error *err);

/* Keeps a tombstone for a run that was confirmed at 'at'. If there are many, drops the oldest that
 * the position has passed, and calls 'forgotten' for those. */
void placement_bury(placement *p,
                    const char *run,
                    placement_position at,
                    void (*forgotten)(const char *run, void *arg),
                    void *arg);
bool placement_is_buried(const placement *p, const char *run);
