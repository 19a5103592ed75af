/* The behaviour of a run with the null runtime, from its command. Pure. */
#pragma once

#include <jansson.h>
#include <stdint.h>

typedef struct null_plan {
    int64_t duration_ms;
    int exit_code;
} null_plan;

/* `sleep N` lasts N seconds (a fraction is allowed), `exit N` ends at once with N; sh -c with one
 * of these likewise; anything else ends at once with 0. */
null_plan null_plan_of(const json_t *spec);
