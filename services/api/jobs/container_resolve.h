/* The container of a job: its definition's, with overrides and parameters applied. */
#pragma once

#include <jansson.h>

#include "ob/job.h"
#include "request/errors.h"

/* containerProperties with containerOverrides (NULL: none) merged in and Ref:: in the command
 * replaced; has the empty lists that JobDetail shows. *ret is new. *ret_too_long: the overrides
 * with parameter values are longer than ECS accepts; the command then stays as it was sent. Errors:
 * -EINVAL with the reply filled. */
int container_resolve(const json_t *definition,
                      const json_t *overrides,
                      const json_t *parameters,
                      json_t **ret,
                      bool *ret_too_long,
                      api_reply *rep);

/* vCPUs, memory and GPUs of a container object: resourceRequirements, else the older vcpus and
 * memory. Missing ones are 0. */
ob_resources container_need(const json_t *container);
