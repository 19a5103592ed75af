/* The free capacity of a provider with a limit, and the texts about it. Pure: any thread. */
#include <string.h>

#include "ob/text.h"
#include "provider.h"

bool provider_too_small(const provider_room *room, const ob_resources *nominal)
{
    return room->limited && (nominal->mcpu > room->mcpu || nominal->mem_mib > room->mem_mib);
}

static int64_t left(int64_t n)
{
    return n > 0 ? n : 0;
}

void provider_room_text(const provider *p,
                        const provider_room *room,
                        const char *type,
                        const ob_resources *nominal,
                        bool ever,
                        char *out,
                        size_t size)
{
    int64_t mcpu = ever ? room->mcpu : left(room->mcpu_left);
    int64_t mem = ever ? room->mem_mib : left(room->mem_left);
    bool cpu_lacks = nominal->mcpu > mcpu, mem_lacks = nominal->mem_mib > mem;
    bool fargate = !strcmp(type, PROVIDER_FARGATE);
    char has[128];
    if (ever)
        ob_text_format(has, sizeof(has), "%g vCPUs and %lld MiB", (double)mcpu / 1000,
                       (long long)mem);
    else
        ob_text_format(has, sizeof(has), "%g of %g vCPUs and %lld of %lld MiB left",
                       (double)mcpu / 1000, (double)room->mcpu / 1000, (long long)mem,
                       (long long)room->mem_mib);
    ob_text_format(out, size, "%s needs %g vCPUs and %d MiB; %s has %s%s",
                   fargate ? "its task" : type, nominal->mcpu / 1000.0, nominal->mem_mib,
                   p->ops->name, has,
                   cpu_lacks && mem_lacks ? ": not enough vCPUs and memory"
                   : cpu_lacks            ? ": not enough vCPUs"
                   : mem_lacks            ? ": not enough memory"
                                          : "");
}
