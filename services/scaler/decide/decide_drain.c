/* See decide_drain.h. Pure. Invariants: what is kept never falls below an environment's floor by
 * this; only ACTIVE instances go. */
#include "decide_drain.h"

#include "decide_choose.h"

#define MAKES_ROOM "makes room for another compute environment"

static bool is_idle(const work_env *w, size_t i)
{
    const decide_instance *in = &w->env->instances[i];
    return in->state == OB_INSTANCE_ACTIVE && !in->drain && in->runs == 0 && !w->wanted[i] &&
           w->env->demand_known && w->kept - in->nominal.mcpu >= w->env->floor_mcpu &&
           (!in->ran || in->idle_ms >= w->env->scale_down_ms);
}

static void drain(work *k, work_env *w, decide_instance *in, const char *why)
{
    in->drain = why;
    w->kept -= in->nominal.mcpu;
    k->host.mcpu_ending += in->nominal.mcpu;
    k->host.mem_ending += in->nominal.mem_mib;
}

void drain_idle(work *k, work_env *w)
{
    /* An instance of exactly one job's size is of no other use. */
    int64_t idle_ms = w->env->exact ? 0 : k->limits->idle_ms;
    for (;;) {
        decide_instance *pick = NULL;
        for (size_t i = 0; i < w->env->n_instances; i++) {
            decide_instance *in = &w->env->instances[i];
            if (is_idle(w, i) && in->idle_ms >= idle_ms &&
                (!pick || in->nominal.mcpu > pick->nominal.mcpu))
                pick = in;
        }
        if (!pick)
            return;
        drain(k, w, pick, "idle");
    }
}

/* The smallest instance that would help an environment, regardless of free capacity. */
static bool smallest_help(const work_env *w, ob_resources *ret)
{
    bool any = false;
    decide_launch exact;
    if (w->env->exact) {
        any = choose_any(w, &exact);
        *ret = any ? exact.nominal : (ob_resources){ 0 };
        return any;
    }
    for (size_t i = 0; i < w->env->n_types; i++) {
        const decide_type *type = &w->env->types[i];
        if (type->unavailable || type->barred || !choose_helps(w, type))
            continue;
        if (!any || type->nominal.mcpu < ret->mcpu ||
            (type->nominal.mcpu == ret->mcpu && type->nominal.mem_mib < ret->mem_mib))
            *ret = type->nominal;
        any = true;
    }
    return any;
}

static bool enough_comes(const work *k, const ob_resources *nominal)
{
    return k->host.mcpu_left + k->host.mcpu_ending >= nominal->mcpu &&
           k->host.mem_left + k->host.mem_ending >= nominal->mem_mib;
}

/* Idle instances of any environment are given back for one that needs the capacity. */
static void make_room_by_idle(work *k, const ob_resources *nominal)
{
    for (size_t e = 0; e < k->n; e++)
        for (size_t i = 0; i < k->envs[e].env->n_instances; i++) {
            if (enough_comes(k, nominal))
                return;
            if (is_idle(&k->envs[e], i))
                drain(k, &k->envs[e], &k->envs[e].env->instances[i], MAKES_ROOM);
        }
}

/* An environment that has had nothing for long gets its share: in the environment that holds most,
 * and more than an equal part, the instance with the fewest runs takes no more work. */
static void make_room_by_share(work *k, const work_env *starved)
{
    size_t active = 0;
    work_env *most = NULL;
    for (size_t e = 0; e < k->n; e++) {
        work_env *w = &k->envs[e];
        if (w->alive > 0 || w->env->lacks_room)
            active++;
        if (w != starved && w->kept > 0 && (!most || w->kept > most->kept))
            most = w;
    }
    if (!most || most->kept * (int64_t)active <= k->host.mcpu)
        return;
    decide_instance *pick = NULL;
    for (size_t i = 0; i < most->env->n_instances; i++) {
        decide_instance *in = &most->env->instances[i];
        if (in->state == OB_INSTANCE_ACTIVE && !in->drain &&
            most->kept - in->nominal.mcpu >= most->env->floor_mcpu &&
            (!pick || in->runs < pick->runs))
            pick = in;
    }
    if (pick)
        drain(k, most, pick, MAKES_ROOM);
}

void drain_for_room(work *k)
{
    for (size_t e = 0; e < k->n; e++) {
        work_env *w = &k->envs[e];
        ob_resources nominal = { 0 };
        if (!w->env->lacks_room || !smallest_help(w, &nominal))
            continue;
        make_room_by_idle(k, &nominal);
        if (!enough_comes(k, &nominal) && w->alive == 0 &&
            w->env->starved_ms >= k->limits->starved_ms)
            make_room_by_share(k, w);
    }
}
