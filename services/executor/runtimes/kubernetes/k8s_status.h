/* What a pod says about its run. Pure. */
#pragma once

#include <jansson.h>

#include "runtimes/runtime.h"

typedef enum k8s_stage {
    K8S_PENDING,
    K8S_RUNNING, /* a container of the job has begun */
    K8S_ENDED,
} k8s_stage;

/* What keeps a container from beginning. */
typedef enum k8s_wait {
    K8S_WAIT_NONE,   /* nothing that the pod says: images may be on their way */
    K8S_WAIT_SPACE,  /* the node has no free space for it now */
    K8S_WAIT_PARTS,  /* a volume or the network; it may come */
    K8S_WAIT_PULL,   /* an image cannot be pulled now */
    K8S_WAIT_CREATE, /* a container cannot be made now */
    K8S_WAIT_NEVER,  /* it does not heal by itself */
} k8s_wait;

#define K8S_WHY_TEXT 512 /* with NUL */

/* What is known of a run besides its pod. */
typedef struct k8s_known {
    bool ran;     /* it was seen running, or has written output */
    bool stopped; /* we had it deleted */
} k8s_known;

typedef struct k8s_status {
    k8s_stage stage;
    bool scheduled;         /* a node has it: its containers may begin at any time */
    bool deleted;           /* it is to go; while it has a finalizer it stays */
    int64_t started_at_ms;  /* of the first container that began; 0: none, or unknown */
    k8s_wait wait;          /* of a pod that has not ended */
    runtime_end end;        /* of one that has; its reason is 'why' or NULL */
    char why[K8S_WHY_TEXT]; /* of 'wait' or the end, as ECS words it; empty: nothing */
} k8s_status;

/* A container's status by its name, or NULL. The kubelet sorts them by name. */
const json_t *k8s_status_named(const json_t *statuses, const char *name);

/* Reads a pod as Kubernetes' API gives it; members that are missing say nothing. */
void k8s_status_read(const json_t *pod, const k8s_known *known, k8s_status *ret);
