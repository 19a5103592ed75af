/* The user of a container's command, as Docker finds it. Pure, but for oci_user_read. */
#pragma once

#include <stdint.h>

#include "ob/error.h"

#define OCI_GROUPS_MAX 64

typedef struct oci_user {
    uint32_t uid, gid;
    uint32_t more[OCI_GROUPS_MAX]; /* groups besides gid */
    int more_count;
    char home[256];
} oci_user;

/* spec: "", "name", "1000", "name:group", "1000:1000"... passwd, group: the texts of the image's
 * files; empty: it has none. Errors: -EINVAL, in Docker's words. */
int oci_user_find(
    const char *spec, const char *passwd, const char *group, oci_user *ret, ob_error *err);
/* With the files of an unpacked image; links do not lead out of it. */
int oci_user_read(const char *root, const char *spec, oci_user *ret, ob_error *err);
