/* Rules of compute environments that a table of fields cannot say. Pure. */
#pragma once

#include "request/fields.h"

/* CreateComputeEnvironment: what the members must be to each other. */
int environment_check_new(const json_t *body, const api_field_where *where);
/* UpdateComputeEnvironment: that something is to change. */
int environment_check_update(const json_t *body, const api_field_where *where);

/* Holds a whole computeResources object against the rules of its type. changed: after an update,
 * which may clear the network. Errors: -EINVAL with the reply. */
int environment_check_resources(const json_t *resources,
                                bool changed,
                                const api_field_where *where);
/* FARGATE and FARGATE_SPOT. */
bool environment_is_fargate(const json_t *resources);
