/* The life of instances: each step is a committed row first, then what follows from it. Every step
 * may be repeated. Functions return 0 or an error of the database; what went wrong is tried again
 * at the next turn. */
#pragma once

#include "scaler.h"

/* Drains ACTIVE instances; LAUNCHING ones end at once. deadline_ms: what still runs by then, from
 * now, ends with its instance; -1: it may finish. A DRAINING one keeps the earlier deadline. */
int instances_drain(scaler *s,
                    instance *const *which,
                    size_t n,
                    const char *reason,
                    int64_t deadline_ms,
                    ob_error *err);

/* Was it launched by an infrastructure that its environment has no more? */
bool instances_outdated(const env *e, const instance *in);

/* Everything that is due: launches, registrations, silence, ends. 'heard_ms': how much
 * time has passed in which silence counts, or LINK_BROKEN. */
int instances_turn(scaler *s, int64_t heard_ms, int64_t now_ms, ob_error *err);
