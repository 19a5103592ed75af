/* An operator's file of a Kubernetes cluster: where its API server is, and how a client signs in.
 * The file is a kubeconfig as `kubectl config view --raw --flatten -o json` writes it; its current
 * context counts. What would run a program (exec), or trust any server, is refused. */
#pragma once

#include <stdbool.h>

#include "ob/error.h"

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

/* Reads <dir>/<name>.json, and the files that it names (relative ones are beside it).
 * Errors: -ENOENT (there is no such file), -EINVAL (the ARN, or what the file says), -EIO. Blocks
 * on small files only. */
int ob_kube_cluster_read(const char *dir, const char *arn, ob_kube_cluster **ret, ob_error *err);
void ob_kube_cluster_free(ob_kube_cluster *cluster);
static inline void ob_kube_cluster_freep(ob_kube_cluster **cluster)
{
    ob_kube_cluster_free(*cluster);
}

/* Do both say the same? Whoever holds one reads it again from time to time: tokens expire, and
 * their files are replaced. */
bool ob_kube_cluster_same(const ob_kube_cluster *a, const ob_kube_cluster *b);
