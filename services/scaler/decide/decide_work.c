/* See decide_work.h. Owns what a decision notes of an environment. Any thread. */
#include "decide_work.h"

#include <stdlib.h>

#include "ob/error.h"

bool work_has_rest(const work_env *w)
{
    for (size_t i = 0; i < w->env->n_shapes; i++)
        if (w->waiting->rest[i].count > 0)
            return true;
    return false;
}

/* Packs work into an instance. Returns whether it is needed. */
static bool pack_into(work_env *w, const decide_instance *in)
{
    fill *f = w->waiting;
    ob_resources room = in->size;
    ob_resources_sub(&room, &in->used);
    if (w->env->exact)
        return in->runs == 0 && fill_exact(f, &room);
    for (size_t i = 0; in->may_fail && i < f->n; i++)
        f->pattern[i] = f->rest[i].count;
    bool planned = fill_planned(f, in->plan, in->n_plan, &room);
    bool any = fill_pack(f, room) || planned;
    for (size_t i = 0; in->may_fail && i < f->n; i++)
        w->tried[i] = w->tried[i] || f->rest[i].count < f->pattern[i];
    return any;
}

/* Busy instances first, so that idle ones can be given back; then idle ones, then LAUNCHING ones,
 * and last those that may never come. */
static void pack_into_instances(work_env *w)
{
    for (int pass = 0; pass < 4; pass++)
        for (size_t i = 0; i < w->env->n_instances; i++) {
            const decide_instance *in = &w->env->instances[i];
            bool active = in->state == OB_INSTANCE_ACTIVE;
            if ((!active && in->state != OB_INSTANCE_LAUNCHING) || in->drain)
                continue;
            if (pass == (in->may_fail ? 3 : !active ? 2 : in->runs > 0 ? 0 : 1))
                w->wanted[i] = pack_into(w, in);
        }
}

/* The work that an instance within maxvCpus could take. */
static void find_within(work_env *w)
{
    const decide_env *env = w->env;
    for (size_t i = 0; i < env->n_shapes; i++)
        for (size_t k = 0; k < env->n_types && !w->within[i]; k++)
            w->within[i] = !env->types[k].barred && env->types[k].nominal.mcpu <= env->max_mcpu &&
                           ob_resources_fit(&w->waiting->rest[i].need, &env->types[k].usable);
}

void work_begin(work_env *w, decide_env *env)
{
    *w = (work_env){ .env = env };
    w->waiting = ob_calloc(1, sizeof(*w->waiting));
    fill_init(w->waiting, env->shapes, env->n_shapes);
    w->within = ob_calloc(env->n_shapes + 1, sizeof(*w->within));
    w->aside = ob_calloc(env->n_shapes + 1, sizeof(*w->aside));
    w->tried = ob_calloc(env->n_shapes + 1, sizeof(*w->tried));
    w->wanted = ob_calloc(env->n_instances + 1, sizeof(*w->wanted));
    find_within(w);
    env->lacks_room = false;
    env->n_shortages = 0;
    for (size_t i = 0; i < env->n_instances; i++) {
        decide_instance *in = &env->instances[i];
        bool stays = in->state == OB_INSTANCE_LAUNCHING || in->state == OB_INSTANCE_ACTIVE;
        /* Instances that drain for another reason may have long runs: no update waits for these. */
        bool goes = stays || (in->state == OB_INSTANCE_DRAINING && !in->bounded);
        in->drain = goes && env->deleting  ? "its compute environment is deleted"
                    : goes && in->outdated ? "replaced: its compute environment was updated"
                                           : NULL;
        w->alive += in->nominal.mcpu;
        if (stays && !in->drain)
            w->kept += in->nominal.mcpu;
    }
    if (!env->deleting)
        pack_into_instances(w);
    w->settled = env->deleting || !env->valid;
}

void work_end(work_env *w)
{
    fill_done(w->waiting);
    free(w->waiting);
    free(w->within);
    free(w->aside);
    free(w->tried);
    free(w->wanted);
}

int64_t work_within_max(const work_env *w, const decide_type *type)
{
    int64_t max = w->env->max_mcpu, mcpu = type->nominal.mcpu;
    if (mcpu <= max)
        return w->alive + mcpu <= max ? (max - w->alive) / mcpu : 0;
    return w->env->may_exceed && w->alive < max;
}

bool work_holds(const work_env *w, const decide_type *type, size_t shape)
{
    return (type->nominal.mcpu <= w->env->max_mcpu || !w->within[shape]) &&
           ob_resources_fit(&w->waiting->rest[shape].need, &type->usable);
}
