/* Compute environments: the common part of their operations. */
#pragma once

#include "environment_store.h"

/* The environment in the request's member computeEnvironment; nothing if it is absent. Errors:
 * -ENOENT, the reply is "<ARN> does not exist". Locked: inside store_tx. */
int environment_named(api_request *req, api_environment *ret, api_reply *rep);
/* The same without a lock, for operations that only read. */
int environment_looked_at(api_request *req, api_environment *ret, api_reply *rep);

/* CREATING, UPDATING, VALID, INVALID or DELETING. */
const char *environment_status(const api_environment *e);

/* OB_ARCH of its instance types: 'x' or 'a'. */
bool environment_is_arm(const json_t *resources);

/* Completes a computeResources object that passed its checks. */
void environment_default_resources(json_t *resources);

/* Reads minvCpus, maxvCpus and type of body.computeResources into the struct. */
void environment_take_body(api_environment *e);

/* ComputeEnvironmentDetail. *ret is new. */
json_t *environment_json(const api_request *req, const api_environment *e);
