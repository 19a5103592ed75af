/* Rules for compute environments on Kubernetes clusters. Pure: any thread. The check_* are hooks of
 * api_field. */
#pragma once

#include "request/fields.h"

int check_eks_cluster(json_t *arn, const api_field_where *where);
int check_eks_namespace(json_t *name, const api_field_where *where);

/* Has a body, of a request or as it is stored, an eksConfiguration? */
bool environment_is_eks(const json_t *body);
/* CreateComputeEnvironment: the rules for a body with an eksConfiguration that differ from those of
 * others; the body has passed those of its type. */
int environment_check_eks(const json_t *body, const api_field_where *where);
