/* The pod of an EKS job: its definition's, with overrides and parameters applied. Pure. */
#pragma once

#include <jansson.h>

#include "ob/job.h"
#include "request/errors.h"

/* podProperties with those of an eksPropertiesOverride (NULL: none) merged in, and Ref:: in
 * commands and arguments replaced, unless that would take more than 'max' bytes. *ret is new.
 * Errors: -EINVAL with the reply. */
int pod_resolve(const json_t *definition,
                const json_t *overrides,
                const json_t *parameters,
                size_t max,
                json_t **ret,
                api_reply *rep);

/* What it takes of a node, as Kubernetes counts: the requests of all containers together, or those
 * of the largest init container. Missing ones are 0. Errors: -EINVAL with the reply, more than can
 * be counted. */
int pod_need(const json_t *pod, ob_resources *ret, api_reply *rep);
