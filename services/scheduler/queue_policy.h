/* The JSON in a queue's rows, as input for the engine. */
#pragma once

#include "engine/engine.h"

typedef struct queue_policy { /* strings are borrowed from the JSON kept here */
    engine_policy policy;
    engine_time_limit *limits;
    size_t n_limits;
    struct json_t *body, *limits_body;
} queue_policy;

/* body: scheduling_policy.body; limits: job_queue.time_limits; each may be NULL. Values that the
 * api would not have stored are left out. Free with policy_done. */
void policy_parse(const char *body, const char *limits, queue_policy *out);
void policy_done(queue_policy *p);
