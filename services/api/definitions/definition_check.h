/* Rules for job definitions that a table of fields cannot express. The check_* are hooks of
 * api_field */
#pragma once

#include "request/fields.h"

int check_reason_pattern(json_t *pattern, const api_field_where *where);
int check_exit_code_pattern(json_t *pattern, const api_field_where *where);
int check_tasks(json_t *list, const api_field_where *where);  /* taskProperties */
int check_nodes(json_t *nodes, const api_field_where *where); /* nodeProperties */

/* Checks the rules between the members of a RegisterJobDefinition request: the properties for its
 * type and its platform. Errors: -EINVAL with the reply. */
int definition_check(const json_t *body, const api_field_where *where);
/* Does it request Fargate? */
bool definition_is_fargate(const json_t *body);
