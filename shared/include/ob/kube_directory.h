/* An operator's directory with a file for each Kubernetes cluster, whose name is the end of the
 * cluster's ARN. Such a file is a kubeconfig as `kubectl config view --raw --flatten -o json`
 * writes it; its current context counts. What would run a program (exec), or trust any server, is
 * refused.
 */
#pragma once

#include "ob/error.h"
#include "ob/kube_cluster.h"

/* Reads <dir>/<name>.json, and the files that it names (relative ones are beside it).
 * Errors: -ENOENT (there is no such file), -EINVAL (the ARN, or what the file says), -EIO. Blocks
 * on small files only. Any thread. */
int ob_kube_directory_read(const char *dir, const char *arn, ob_kube_cluster **ret, ob_error *err);
