/* GPUs, counted by the containers that use them; has no table of its own. A GPU is free again when
 * its container's end is known, which is before any other part learns of that end. Thread: the
 * loop's. */
#include "docker_gpus.h"

#include "runtimes/gpus.h"
#include "runtimes/properties.h"

int docker_gpus_wanted(const json_t *spec)
{
    return (int)property_resource(json_object_get(spec, "container"), "GPU", NULL);
}

int docker_gpus_take(const docker *d, int n, char **ret, ob_error *err)
{
    gpu_use use = { 0 };
    for (const container *c = d->containers; c; c = c->hh.next)
        if (c->step != STEP_ENDED && c->step != STEP_REMOVE)
            gpus_mark(&use, c->gpus);
    return gpus_select(&use, d->base.config.gpus, n, ret, err);
}
