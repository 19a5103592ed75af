/* Decides what to launch and what to give back. Pure: no state outlives a call.
 *
 * Waiting work is packed into the free capacity of instances that run or are on their way. For the
 * rest one instance at a time is launched, smaller environments first, of the type that the
 * environment's strategy prefers: mostly the one with the lowest cost for the work that it would
 * take, waste included. An idle instance that no work needs is given back after a while, or at once
 * if another environment needs the provider's capacity. */
#include "decide.h"

#include <stdlib.h>

#include "decide_choose.h"
#include "decide_drain.h"
#include "ob/error.h"

/* ---- Launching ---- */

static bool needs_more(const work_env *w)
{
    return !w->settled && (w->kept < w->env->floor_mcpu || (w->env->enabled && work_has_rest(w)));
}

/* The environment to serve next: the one with the least capacity. */
static work_env *next_needy(work *k, size_t *ret_needy)
{
    work_env *next = NULL;
    *ret_needy = 0;
    for (size_t i = 0; i < k->n; i++) {
        work_env *w = &k->envs[i];
        if (!needs_more(w))
            continue;
        (*ret_needy)++;
        if (!next || w->alive < next->alive)
            next = w;
    }
    return next;
}

/* Records the work that it is for. */
static void plan_launch(work_env *w, decide_launch *launch)
{
    fill *f = w->waiting;
    if (w->env->exact) {
        (void)fill_exact(f, &launch->size);
        return;
    }
    bool exceeds = launch->nominal.mcpu > w->env->max_mcpu;
    if (!w->env->enabled || fill_one(f, exceeds ? w->within : NULL, &launch->size) == 0)
        return;
    launch->plan = ob_calloc(f->n, sizeof(*launch->plan));
    for (size_t i = 0; i < f->n; i++) {
        if (f->pattern[i] == 0)
            continue;
        f->rest[i].count -= f->pattern[i];
        w->tried[i] = w->tried[i] || launch->type->may_fail;
        launch->plan[launch->n_plan++] =
            (decide_shape){ .need = f->rest[i].need, .count = f->pattern[i] };
    }
    launch->plan = ob_realloc(launch->plan, launch->n_plan * sizeof(*launch->plan));
}

static void count_launch(work *k, work_env *w, decide_launch *launch)
{
    plan_launch(w, launch);
    w->alive += launch->nominal.mcpu;
    w->kept += launch->nominal.mcpu;
    k->host.mcpu_left -= launch->nominal.mcpu;
    k->host.mem_left -= launch->nominal.mem_mib;
}

/* The type that work waits for is not available (BEST_FIT): the work that it could hold waits, the
 * rest continues. Returns whether it could hold any. */
static bool set_aside(work_env *w, const decide_type *type)
{
    bool any = false;
    for (size_t i = 0; type && type->unavailable && w->env->enabled && i < w->env->n_shapes; i++)
        if (w->waiting->rest[i].count > 0 && work_holds(w, type, i)) {
            w->waiting->rest[i].count = 0;
            any = w->aside[i] = true;
        }
    w->env->lacks_room = w->env->lacks_room || any;
    return any;
}

/* Has this call looked at so much that the next one should continue? */
static bool is_long(const work *k)
{
    size_t steps = 0;
    for (size_t i = 0; i < k->n; i++)
        steps += k->envs[i].waiting->steps;
    return k->limits->max_steps > 0 && steps >= k->limits->max_steps;
}

static size_t plan_launches(work *k, decide_launch *out)
{
    size_t n = 0, needy;
    for (work_env *w;
         n < k->limits->max_launches && !(n > 0 && is_long(k)) && (w = next_needy(k, &needy));) {
        out[n] = (decide_launch){ 0 };
        bool found = w->env->strategy == DECIDE_BEST_FIT && !w->env->exact
                         ? choose_patiently(k, w, &out[n])
                         : choose_with_room(k, w, needy, &out[n]);
        if (!found && set_aside(w, out[n].type))
            continue;
        if (!found) {
            decide_launch ignored;
            w->settled = true;
            w->env->lacks_room = choose_any(w, &ignored) || w->env->lacks_room;
            continue;
        }
        out[n].env = (size_t)(w - k->envs);
        count_launch(k, w, &out[n++]);
    }
    for (size_t i = 0; i < k->n; i++)
        k->envs[i].env->passed = needs_more(&k->envs[i]);
    return n;
}

/* ---- What cannot be had ---- */

/* Why remaining work gets no instance; false: there is no shortage, it waits for existing
 * instances. */
static bool why_left(const work_env *w, size_t shape, decide_why *ret)
{
    const decide_env *env = w->env;
    bool dear = false, fits = false;
    *ret = DECIDE_CAPACITY;
    if (env->exact)
        return w->alive + w->waiting->rest[shape].need.mcpu <= env->max_mcpu;
    for (size_t k = 0; k < env->n_types; k++) {
        const decide_type *type = &env->types[k];
        if (type->barred) {
            dear = dear ||
                   (type->dear && ob_resources_fit(&w->waiting->rest[shape].need, &type->usable));
        } else if (work_holds(w, type, shape)) {
            fits = true;
            if (work_within_max(w, type) > 0)
                return true;
        }
    }
    *ret = DECIDE_PRICE;
    return dear && !fits;
}

static void find_shortages(work_env *w)
{
    decide_env *env = w->env;
    if (!env->shortages || !env->enabled || !env->valid || env->deleting || env->passed)
        return;
    for (size_t i = 0; i < env->n_shapes; i++) {
        decide_why why;
        bool left = (w->aside[i] || w->waiting->rest[i].count > 0) && why_left(w, i, &why);
        if (left || w->tried[i])
            env->shortages[env->n_shortages++] =
                (decide_shortage){ .need = w->waiting->rest[i].need,
                                   .why = left ? why : DECIDE_TRIED };
    }
}

/* ---- All ---- */

size_t decide(decide_env *envs,
              size_t n_envs,
              const decide_host *host,
              const decide_limits *limits,
              decide_launch *out)
{
    work k = { .n = n_envs, .host = *host, .limits = limits };
    k.envs = ob_calloc(n_envs + 1, sizeof(*k.envs));
    for (size_t i = 0; i < n_envs; i++)
        work_begin(&k.envs[i], &envs[i]);
    size_t n = plan_launches(&k, out);
    for (size_t i = 0; i < n_envs; i++)
        find_shortages(&k.envs[i]);
    for (size_t i = 0; i < n_envs; i++)
        drain_idle(&k, &k.envs[i]);
    if (k.host.limited)
        drain_for_room(&k);
    for (size_t i = 0; i < n_envs; i++)
        work_end(&k.envs[i]);
    free(k.envs);
    return n;
}
