/* What a container asks of its host beyond an ordinary one, as rights of who registers it and who
 * submits it. */
#pragma once

#include "request/operation.h"

/* The rights that a container (as in containerProperties, or DescribeJobs) asks for: actions as
 * "openbatch:MountHost". Gives the first 'max' of them; returns how many. Pure. */
size_t access_container_actions(const json_t *container, const char **ret, size_t max);
