/* What services that make or remove pods of jobs agree on: names that others see, and the bodies of
 * requests. docs/kubernetes.md has them for operators. Any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* On nodes of a compute environment, and on its pods: the environment's uuid. */
#define OB_KUBE_LABEL_CE "batch.amazonaws.com/compute-environment-uuid"
/* On nodes that are for Batch only. */
#define OB_KUBE_TAINT "batch.amazonaws.com/batch-node"
/* As long as it is there, Kubernetes keeps a pod that has ended or was deleted, with its status. */
#define OB_KUBE_FINALIZER "openbatch.io/run"

/* Has the pod our finalizer? */
bool ob_kube_is_held(const json_t *pod);
/* The body that deletes just the pod of that uid. New. */
json_t *ob_kube_delete_options(const char *uid, int grace_s);
/* The body, a merge patch, that takes our finalizer off. The finalizers of others stay; so it
 * counts only if the pod is still as it was seen. New. */
json_t *ob_kube_release_patch(const json_t *pod);
