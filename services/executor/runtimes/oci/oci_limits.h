/* Parts of config.json: what a container may use of the host. Pure. */
#pragma once

#include <jansson.h>

#include "oci_input.h"

/* linux.resources. Errors: -EINVAL. */
int oci_resources(const oci_input *in, json_t **ret, ob_error *err);
/* process.capabilities */
json_t *oci_capabilities(const oci_input *in);
/* linux.devices */
json_t *oci_device_nodes(const json_t *devices);
/* Parts of /proc and /sys that jobs do not get, or cannot change. */
json_t *oci_masked_paths(void);
json_t *oci_readonly_paths(void);
