/* Rules for scheduling policies that a table of fields cannot express. Hooks of api_field and of
 * api_operation. */
#pragma once

#include "request/fields.h"

int check_weight(json_t *weight, const api_field_where *where);
int check_shares(json_t *list, const api_field_where *where); /* shareDistribution */
/* At most one of the two policies. */
int sched_policy_check(const json_t *body, const api_field_where *where);
