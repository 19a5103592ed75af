/* The life of instances: each step first commits a row and then acts. Every step may be repeated.
 * Functions return 0 or an error of the database; a failed step is tried again in the next turn. */
#pragma once

#include "scaler.h"

/* Drains ACTIVE instances; LAUNCHING ones end at once. deadline_ms: time from now after which
 * running jobs end with their instance; -1: no limit. A DRAINING one keeps the earlier deadline. */
int instances_drain(scaler *s,
                    instance *const *which,
                    size_t n,
                    const char *reason,
                    int64_t deadline_ms,
                    ob_error *err);

/* Was it launched with settings that its environment no longer has? */
bool instances_outdated(const env *e, const instance *in);

/* Everything that is due: launches, registrations, silence, ends. 'heard_ms': how much
 * time has passed in which silence counts, or LINK_BROKEN. */
int instances_turn(scaler *s, int64_t heard_ms, int64_t now_ms, ob_error *err);
