/* The pod of a run of an EKS job: what its executor reports of it, and what answers and events show
 * of that. A pod is {"name", "namespace", "node", "containers", "initContainers"}; a container is
 * {"name", "containerID", "exitCode", "reason"}. All members may be missing. Pure: any thread. */
#pragma once

#include <jansson.h>

/* The limits of a pod: entries of a list, bytes of a text. */
#define OB_POD_CONTAINERS_MAX 10
#define OB_POD_TEXT_MAX 255

/* The name of a container in a list of a pod: "Default" if it is given none. Kubernetes has that in
 * lower case, so a container that is named so in any case of letters has the same name. */
#define OB_POD_DEFAULT_NAME "Default"
const char *ob_pod_container_name(const json_t *container);

/* A copy of what somebody else says of a pod: only the members above, within their bounds. *ret is
 * new; NULL: it is no object. */
json_t *ob_pod_bounded(const json_t *pod);

/* Adds what is known of a pod (NULL: nothing) to the podProperties of a job: podName, nodeName, and
 * exitCode and reason of each container. Containers are matched by name. */
void ob_pod_show(json_t *pod_properties, const json_t *pod);

/* A copy of a pod (NULL: nothing is known of it) that says how its attempt ended: unless a
 * container has failed by itself, the first container of the job without a reason gets this one
 * (NULL or empty: none). *ret is new; NULL: nothing is known. */
json_t *ob_pod_explained(const json_t *pod, const json_t *pod_properties, const char *reason);

/* The members of an entry of eksAttempts that are about its pod (NULL: it is not known). *ret is
 * new. */
json_t *ob_pod_attempt(const json_t *pod);

/* A container, as in DescribeJobs, that requests what a pod (podProperties) requests from its host,
 * for rules that hold for both kinds of jobs: privileged mode (added capabilities count as such),
 * folders of the host. New. */
json_t *ob_pod_host_container(const json_t *pod_properties);
