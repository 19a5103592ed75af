/* From a placement to a pod. Pure. */
#pragma once

#include <jansson.h>

#include "ob/error.h"
#include "ob/id.h"

typedef struct k8s_place {
    const char *instance, *ce, *ce_uuid;
    const char *name_space; /* of the environment */
    const char *node, *node_uid;
} k8s_place;

/* The namespace of the job's pod: its own, or else the environment's. */
const char *k8s_pod_namespace(const k8s_place *place, const json_t *spec);

/* The pod of a run, as Kubernetes' API takes it. *ret is new. Errors: -EINVAL: the spec has no
 * pod. */
int k8s_pod_make(const k8s_place *place,
                 const ob_run_ref *ref,
                 int attempt,
                 const json_t *spec,
                 json_t **ret,
                 ob_error *err);
