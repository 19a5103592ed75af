/* Files of an operator that describe a cluster: small, and whole. */
#pragma once

#include <stddef.h>

#include "ob/error.h"

#define KUBE_FILE_MAX (1u << 20)

/* Reads a regular file of at most KUBE_FILE_MAX bytes; *ret is new, with a NUL after its bytes.
 * Errors: -ENOENT (there is none), -EINVAL (not a regular file, or too long), -EIO (all others);
 * the text begins with the path. Never waits for a writer, as a pipe would make it. Any thread. */
int kube_file_read(const char *path, char **ret, size_t *ret_len, ob_error *err);
