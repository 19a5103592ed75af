/* What a container requests from its host beyond an ordinary one, as rights of the keys that
 * register and submit it. */
#pragma once

#include "request/operation.h"

/* The rights that a container (as in containerProperties, or DescribeJobs) needs: actions such as
 * "openbatch:MountHost". Stores the first 'max' of them and returns their number. Pure. */
size_t access_container_actions(const json_t *container, const char **ret, size_t max);
