/* Parts of config.json: mounts. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "oci_input.h"

#define OCI_INIT_PATH "/sbin/docker-init" /* of the job's init process, as with Docker */

/* Does the job ask for an init process? */
bool oci_has_init(const json_t *spec);
/* mounts: Docker's, then the job's. volumes, sources: see oci_config. Errors: -EINVAL. */
int oci_mounts(const oci_input *in, json_t *volumes, json_t *sources, json_t **ret, ob_error *err);
