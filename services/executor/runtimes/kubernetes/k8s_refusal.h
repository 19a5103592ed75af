/* What it means that Kubernetes refuses a pod. Pure. */
#pragma once

#include <stdbool.h>

typedef enum k8s_refusal {
    K8S_REFUSED_JOB,   /* this pod, always */
    K8S_REFUSED_NOW,   /* this pod, while others have what it needs: a quota */
    K8S_REFUSED_EVERY, /* every pod: a right or the namespace is missing */
} k8s_refusal;

/* status: of HTTP; message: of its Status object; is_own: the namespace is the environment's. Only
 * for 400, 403, 404, 405, 413 and 422, which the same request would get again. */
k8s_refusal k8s_refusal_of(int status, const char *message, bool is_own);
