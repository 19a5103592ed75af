/* The names of pods: each is made from its run alone, so Kubernetes itself refuses to make the pod
 * of a run twice. Pure. */
#pragma once

#define K8S_NAME_TEXT 48 /* aws-batch.<uuid> and NUL */

/* aws-batch. and the name-based UUID (RFC 9562, version 5) of openbatch.io/run/<run> in the
 * namespace of URLs. */
void k8s_pod_name(const char *run, char out[K8S_NAME_TEXT]);
