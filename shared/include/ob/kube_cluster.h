/* A Kubernetes cluster as a client knows it: where its API server is, and how to sign in. */
#pragma once

#include <stdbool.h>

typedef struct ob_kube_cluster {
    char *name;        /* what follows :cluster/ in the ARN */
    char *file;        /* its path */
    char *server;      /* https://host[:port][/path], without a slash at the end */
    char *server_name; /* in the server's certificate; NULL: the host of 'server' */
    char *ca;          /* PEM; NULL: whom the host trusts */
    char *certificate; /* PEM, with 'key'; NULL: none */
    char *key;
    char *token; /* NULL: none */
} ob_kube_cluster;

void ob_kube_cluster_free(ob_kube_cluster *cluster);
static inline void ob_kube_cluster_freep(ob_kube_cluster **cluster)
{
    ob_kube_cluster_free(*cluster);
}

/* Do both say the same? Whoever holds one reads it again from time to time: tokens expire, and
 * their files are replaced. */
bool ob_kube_cluster_same(const ob_kube_cluster *a, const ob_kube_cluster *b);
