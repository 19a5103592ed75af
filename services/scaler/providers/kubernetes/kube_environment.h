/* A compute environment's view of its Kubernetes cluster: its nodes, what pods request there, and
 * whether the environment can be used. Changes nothing in the cluster before the environment is
 * deleted. One owner thread, no thread of its own. */
#pragma once

#include "node_decide.h"

typedef struct kube_environment kube_environment;

typedef struct kube_environment_options {
    const char *dir;     /* OPENBATCH_KUBERNETES_DIR */
    const char *cluster; /* its ARN */
    const char *kube_namespace;
    const char *uuid; /* of the compute environment */
    int64_t lost_ms;  /* as in node_view */
} kube_environment_options;

/* All is copied. */
kube_environment *kube_environment_new(const kube_environment_options *options);
/* NULL is fine. */
void kube_environment_free(kube_environment *k);

/* An instance is this node, so it is to be known whether the node exists, even when it is not in
 * the selection any more. Say it before each step. */
void kube_environment_want(kube_environment *k, const char *name, const char *uid);
/* Sends what is due and takes what has arrived, without waiting. Call it about every 100 ms. */
void kube_environment_step(kube_environment *k, int64_t now_ms);

/* Has it been found out whether the environment can be used? */
bool kube_environment_checked(const kube_environment *k);
/* Why it cannot be used, as a statusReason; NULL: it can. Borrowed until the next step. */
const char *kube_environment_invalid(const kube_environment *k);

/* The environment is deleted, and no instance of it is left: removes what is left of it in the
 * cluster, one step a call. Call it before each step. Returns whether it is done with that; what it
 * cannot remove in some minutes stays, and *ret_left then says why (borrowed; NULL: nothing). */
bool kube_environment_clear(kube_environment *k, int64_t now_ms, const char **ret_left);

/* The nodes that are known; borrowed until the next step. */
const node_seen *const *kube_environment_nodes(const kube_environment *k, size_t *ret_n);
/* Where the node of that uid is among them; their number: it is not. */
size_t kube_environment_node_at(const kube_environment *k, const char *uid);
