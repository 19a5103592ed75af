/* The behaviour of a run with the null runtime, from its command. Pure. */
#pragma once

#include <jansson.h>
#include <stdint.h>

typedef struct null_plan {
    int64_t duration_ms;
    int exit_code;
    int failures; /* so many attempts end with 1 before one ends with exit_code */
} null_plan;

/* `sleep N` lasts N seconds (a fraction is allowed), `exit N` ends at once with N, `fail N` ends at
 * once with 1 in its first N attempts and with 0 after that; sh -c with one of these likewise;
 * anything else ends at once with 0. */
null_plan null_plan_of(const json_t *spec);
