/* The part of a container's create body that concerns the host: HostConfig. Pure. */
#pragma once

#include <stdbool.h>

#include "docker_run.h"
#include "ob/error.h"

/* *ret_host is new. 'volumes' gets the names of volumes that go with the container. Errors:
 * -EINVAL, the text is fit for a user. */
int docker_host_config(const docker_spec *in, json_t **ret_host, json_t *volumes, ob_error *err);
