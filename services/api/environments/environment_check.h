/* Rules for compute environments that a table of fields cannot express. Pure. */
#pragma once

#include "request/fields.h"

/* CreateComputeEnvironment: checks the rules between members. */
int environment_check_new(const json_t *body, const api_field_where *where);
/* UpdateComputeEnvironment: checks that the request changes something. */
int environment_check_update(const json_t *body, const api_field_where *where);

/* Checks a complete computeResources object with the rules of its type. changed: after an update,
 * which may clear the network. Errors: -EINVAL with the reply. */
int environment_check_resources(const json_t *resources,
                                bool changed,
                                const api_field_where *where);
/* FARGATE and FARGATE_SPOT. */
bool environment_is_fargate(const json_t *resources);
