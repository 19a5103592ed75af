/* What fits where: whether a class fits a shape, and an environment according to its shapes and
 * instances. Updated when the topology has changed. */
#include "fit.h"

#include "ce.h"

int64_t fit_count(const ce *c, const ob_resources *need, const ob_resources *room)
{
    if (!ce_fits(c, need, room))
        return 0;
    if (c->exact)
        return 1;
    int64_t n = INT32_MAX;
    if (need->mcpu > 0 && room->mcpu / need->mcpu < n)
        n = room->mcpu / need->mcpu;
    if (need->mem_mib > 0 && room->mem_mib / need->mem_mib < n)
        n = room->mem_mib / need->mem_mib;
    if (need->gpus > 0 && room->gpus / need->gpus < n)
        n = room->gpus / need->gpus;
    return n;
}

/* Adds the shapes that are within maxvCpus, or those that exceed it. */
static void fit_shapes(const ce *c, const ob_resources *need, bool exceed, class_fit *fit)
{
    for (size_t s = 0; s < c->n_shapes; s++) {
        int32_t mcpu = c->shapes[s].mcpu;
        int64_t units = fit_count(c, need, &c->shapes[s]);
        if (units == 0 || ce_shape_exceeds_max(c, mcpu) != exceed)
            continue;
        int64_t each = (mcpu + units - 1) / units;
        fit->launch = true;
        fit->cost_mcpu = each < fit->cost_mcpu ? (int32_t)each : fit->cost_mcpu;
        fit->cost_mcpu = fit->cost_mcpu > 0 ? fit->cost_mcpu : 1;
        fit->least_mcpu = mcpu < fit->least_mcpu ? mcpu : fit->least_mcpu;
    }
}

void fit_update(const engine *e, class *cls)
{
    if (cls->fit_topology == e->topology)
        return;
    cls->fit_topology = e->topology;
    for (size_t i = 0; i < cls->queue->n_ces; i++) {
        const ce *c = cls->queue->ces[i];
        class_fit *fit = &cls->fit[i];
        *fit = (class_fit){ .cost_mcpu = INT32_MAX,
                            .least_mcpu = INT32_MAX,
                            .shortage = ce_shortage_reason(c, &cls->need) };
        fit_shapes(c, &cls->need, false, fit);
        if (!fit->launch)
            fit_shapes(c, &cls->need, true, fit);
        fit->there = fit->launch;
        for (const instance *on = c->instances; on && !fit->there; on = on->inext)
            fit->there =
                on->known && on->state <= OB_INSTANCE_ACTIVE && ce_fits(c, &cls->need, &on->size);
    }
}
