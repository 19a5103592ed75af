/* Which container uses which GPU of the instance. A GPU belongs to one container at a time. A
 * container's GPUs are in its label, so a restarted executor finds them. */
#pragma once

#include "docker_model.h"

/* The number of GPUs that a job requests. */
int docker_gpus_wanted(const json_t *spec);
/* Selects 'n' GPUs that no container uses which may still run. *ret is new: their indices, "0,3".
 * Errors: -EBUSY (other containers use them for now), -EINVAL (the instance has fewer). */
int docker_gpus_take(const docker *d, int n, char **ret, ob_error *err);
