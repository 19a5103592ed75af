/* The container of a job: its definition's, with overrides and parameters in place. */
#pragma once

#include <jansson.h>

#include "api_error.h"
#include "ob/job.h"

/* containerProperties with containerOverrides (NULL: none) merged in and Ref:: in the command
 * replaced; the empty lists that JobDetail shows are there. *ret is new. Errors: -EINVAL with the
 * reply filled. */
int container_resolve(const json_t *definition,
                      const json_t *overrides,
                      const json_t *parameters,
                      json_t **ret,
                      api_reply *rep);

/* vCPUs, memory and GPUs of a container object: resourceRequirements, else the older vcpus and
 * memory. Missing ones are 0. */
ob_resources container_need(const json_t *container);
