/* Which container has which GPU of the instance: whole ones, one container each. A container's are
 * written in its label, so a restarted executor knows them. */
#pragma once

#include "docker_internal.h"

/* How many GPUs a job asks for. */
int docker_gpus_wanted(const json_t *spec);
/* Gives 'n' GPUs that no container has which may still run. *ret is new: their indices, "0,3".
 * Errors: -EBUSY (others have them for now), -EINVAL (the instance has fewer). */
int docker_gpus_take(const docker *d, int n, char **ret, ob_error *err);
