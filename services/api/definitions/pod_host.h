/* What a pod requests from its host. Pure: any thread. */
#pragma once

#include <jansson.h>

/* A container, as in DescribeJobs, that requests what the pod requests from its host, for rules
 * that hold for both kinds of jobs: privileged mode (added capabilities count as such), folders of
 * the host. *ret is new. */
json_t *pod_host_container(const json_t *pod);
