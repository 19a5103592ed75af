/* What a kubeconfig says. */
#pragma once

#include <stddef.h>

#include "ob/error.h"
#include "ob/kube_cluster.h"

/* Fills the members of 'c', except its name, from the text of a kubeconfig. Files that it names are
 * read; relative names start in 'dir'. On error 'c' may be filled in part.
 * Errors: -EINVAL (what it says), and those of kube_file_read. Any thread. */
int kube_config_parse(
    const char *text, size_t len, const char *dir, ob_kube_cluster *c, ob_error *err);
