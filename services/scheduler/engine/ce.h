/* Compute environments: their settings, and what may be launched, or used, below the maximum. */
#pragma once

#include <string.h>

#include "model.h"

ce *ce_get(engine *e, int64_t id);                                     /* made when unknown */
const char *ce_shortage_reason(const ce *c, const ob_resources *need); /* NULL: no shortage */
/* By GPUs, vCPUs, memory. */
int ce_compare_room(const ob_resources *a, const ob_resources *b);
void ces_free(engine *e);

/* The vCPUs of its instances that count against maxvCpus. */
static inline int64_t ce_provisioned_mcpu(const ce *c)
{
    return c->exact ? c->mcpu : (int64_t)c->vcpus * 1000;
}
/* True if no instance of that many vCPUs can be within maxvCpus. An environment has such a shape
 * only if its allocation strategy may exceed maxvCpus by one instance. */
static inline bool ce_shape_exceeds_max(const ce *c, int32_t mcpu)
{
    return !c->exact && mcpu > (int64_t)c->max_vcpus * 1000;
}
/* How much must end before an instance of that many vCPUs may come; 0 or less: it may. */
static inline int64_t ce_excess_mcpu(const ce *c, int32_t mcpu)
{
    int64_t over = ce_provisioned_mcpu(c) - (int64_t)c->max_vcpus * 1000;
    return ce_shape_exceeds_max(c, mcpu) ? over + 1 : over + mcpu;
}
static inline bool ce_may_launch(const ce *c, int32_t mcpu)
{
    return ce_excess_mcpu(c, mcpu) <= 0;
}
/* Does it exceed what the environment could ever run? */
static inline bool ce_need_exceeds_max(const ce *c, const ob_resources *need)
{
    bool any_max = !c->unmanaged || c->max_vcpus > 0;
    return any_max && need->mcpu > (int64_t)c->max_vcpus * 1000;
}
/* May its jobs use that much more at a time? Of a managed one the instances have the maximum. */
static inline bool ce_may_use(const ce *c, int64_t mcpu)
{
    bool any_max = c->unmanaged && c->max_vcpus > 0;
    return !any_max || c->used_mcpu + mcpu <= (int64_t)c->max_vcpus * 1000;
}
/* Does it fit an instance, or a launch, with that free capacity? */
static inline bool ce_fits(const ce *c, const ob_resources *need, const ob_resources *room)
{
    return c->exact ? memcmp(need, room, sizeof(*need)) == 0 : ob_resources_fit(need, room);
}
static inline bool ce_is_usable(const ce *c)
{
    return c->known && c->enabled && c->valid;
}
