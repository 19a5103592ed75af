/* GPUs, as all runtimes give them to containers. Owns nothing, does no I/O. Any thread. */
#include "runtimes/gpus.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

void gpus_mark(gpu_use *use, const char *list)
{
    for (const char *at = list; at && *at; at += strspn(at, ",")) {
        char *end = NULL;
        long index = strtol(at, &end, 10);
        if (end == at)
            return;
        if (index >= 0 && index < GPUS_MAX)
            use->taken[index] = true;
        at = end;
    }
}

int gpus_select(const gpu_use *use, int count, int n, char **ret, ob_error *err)
{
    ob_cleanup(ob_freep) char *list = ob_strdup("");
    if (n > count || n > GPUS_MAX)
        return ob_fail(err, EINVAL, "the job requests %d GPUs; this instance has %d", n, count);
    for (int i = 0; i < count && i < GPUS_MAX && n > 0; i++) {
        if (use->taken[i])
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
