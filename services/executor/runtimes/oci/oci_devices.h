/* Devices of the host, for config.json. */
#pragma once

#include <jansson.h>

#include "ob/error.h"

/* The devices that a container (as in a spec) gets besides the usual ones: an array of {path, type,
 * major, minor, fileMode, uid, gid, access}, new. A folder gives all devices in it. A privileged
 * container gets all of the host. Errors: -EINVAL: there is no such device. */
int oci_devices_find(const json_t *container, json_t **ret, ob_error *err);
