/* The supported parts of AWS's API, for docs/compatibility.md and the conformance test. */
#pragma once

#include <jansson.h>

/* [{"name", "service", "method", "built", "why", "members": [{"path", "support", "required", "why",
 * "values", "refusedValues"}]}] of the operations that are AWS's; a member's path is written
 * "computeResources.ec2Configuration[].imageType", its support "works", "stored" or "refused".
 * *ret is new. */
json_t *compatibility_json(void);
