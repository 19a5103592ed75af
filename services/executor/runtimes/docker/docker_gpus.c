/* GPUs, counted by the containers that use them; has no table of its own. A GPU is free again when
 * its container's end is known, which is before any other part learns of that end. Thread: the
 * loop's. */
#include "docker_gpus.h"

#include <string.h>

#include "ob/message.h"

#define GPUS_MAX 64

int docker_gpus_wanted(const json_t *spec)
{
    const json_t *list =
        json_object_get(json_object_get(spec, "container"), "resourceRequirements");
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(ob_json_str(item, "type", ""), "GPU") == 0)
            return atoi(ob_json_str(item, "value", "0"));
    }
    return 0;
}

static void mark(bool taken[GPUS_MAX], const char *list)
{
    for (const char *at = list; at && *at; at += strspn(at, ",")) {
        char *end = NULL;
        long index = strtol(at, &end, 10);
        if (end == at)
            return;
        if (index >= 0 && index < GPUS_MAX)
            taken[index] = true;
        at = end;
    }
}

int docker_gpus_take(const docker *d, int n, char **ret, ob_error *err)
{
    int count = d->base.config.gpus;
    bool taken[GPUS_MAX] = { false };
    ob_cleanup(ob_freep) char *list = ob_strdup("");
    if (n > count || n > GPUS_MAX)
        return ob_fail(err, EINVAL, "the job requests %d GPUs; this instance has %d", n, count);
    for (const container *c = d->containers; c; c = c->hh.next)
        if (c->step != STEP_ENDED && c->step != STEP_REMOVE)
            mark(taken, c->gpus);
    for (int i = 0; i < count && i < GPUS_MAX && n > 0; i++) {
        if (taken[i])
            continue;
        char *longer = ob_strf("%s%s%d", list, *list ? "," : "", i);
        free(list);
        list = longer;
        n--;
    }
    if (n > 0)
        return ob_fail_retry(err, EBUSY, "other containers use the instance's GPUs");
    *ret = ob_take(list);
    return 0;
}
