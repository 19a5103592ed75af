/* One decision: converts the state in memory to decide's view, and launches or drains what decide
 * requests. Owns nothing; decide itself is pure. Loop thread. */
#include "decision.h"

#include <string.h>

#include "decide/decide.h"
#include "decide/env_types.h"
#include "instances.h"
#include "launches.h"
#include "ob/log.h"
#include "shortages.h"

#define DEMAND_OLD_MS 30000
#define STARVED_MS 2000
#define MAX_LAUNCHES 64
#define MAX_STEPS 10000000 /* of decide: some 50 ms */

static void view_instance(decide_instance *out, const env *e, const instance *in, int64_t now_ms)
{
    *out = (decide_instance){ .nominal = in->nominal,
                              .size = in->size,
                              .used = in->kept ? in->size : in->used,
                              .runs = in->runs,
                              .ran = in->ran,
                              .outdated = instances_outdated(e, in),
                              .bounded = in->has_deadline,
                              .may_fail = in->prospect != PROSPECT_SURE &&
                                          in->state == OB_INSTANCE_LAUNCHING,
                              .plan = in->plan,
                              .n_plan = in->n_plan,
                              .state = in->state };
    if (in->state == OB_INSTANCE_ACTIVE && in->idle_since_ms)
        out->idle_ms = now_ms - in->idle_since_ms;
}

/* Fills decide's view of an environment. instances: space for its instances; which: the instances
 * behind the view. Its 'shortages' is new. */
static void view_env(const scaler *s,
                     env *e,
                     decide_env *out,
                     decide_instance *instances,
                     instance **which,
                     int64_t now_ms)
{
    int32_t floor = e->min_vcpus;
    size_t n = 0;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (in->ce_id == e->id) {
            which[n] = in;
            view_instance(&instances[n++], e, in, now_ms);
        }
    if (e->enabled && e->wanted_vcpus > floor && e->wanted_vcpus <= e->max_vcpus)
        floor = e->wanted_vcpus;
    env_types_refresh(e, now_ms);
    /* A scheduler that has been gone for long sends no useful demand: instances that are idle by
     * then may end. */
    bool known = e->demand_at_ms > 0 || now_ms - s->led_since_ms > DEMAND_OLD_MS;
    *out = (decide_env){ .id = e->id,
                         .strategy = e->strategy,
                         .enabled = e->enabled && e->managed,
                         .valid = !e->invalid,
                         .exact = e->exact,
                         .deleting = e->deleting,
                         .may_exceed = e->may_exceed,
                         .demand_known = known && e->managed,
                         .floor_mcpu = (int64_t)floor * 1000,
                         .max_mcpu = (int64_t)e->max_vcpus * 1000,
                         .scale_down_ms = e->scale_down_ms,
                         .starved_ms = e->short_since_ms ? now_ms - e->short_since_ms : 0,
                         .types = e->types,
                         .n_types = e->n_types,
                         .shapes = e->shapes,
                         .n_shapes = e->n_shapes,
                         .shortages = ob_calloc(e->n_shapes + 1, sizeof(*out->shortages)),
                         .instances = instances,
                         .n_instances = n };
}

/* What the provider has. What drains comes back to it, too. */
static decide_host view_host(const scaler *s)
{
    provider_room room = { 0 };
    s->provider->ops->room(s->provider, &room);
    decide_host host = { .limited = room.limited,
                         .mcpu = room.mcpu,
                         .mem = room.mem_mib,
                         .mcpu_left = room.mcpu_left,
                         .mcpu_ending = room.mcpu_ending,
                         .mem_left = room.mem_left,
                         .mem_ending = room.mem_ending };
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->state == OB_INSTANCE_DRAINING) {
            host.mcpu_ending += in->nominal.mcpu;
            host.mem_ending += in->nominal.mem_mib;
        }
    return host;
}

/* desiredvCpus of a new version counts until it is reached, or cannot be. */
static void settle_wanted(env *e, const decide_env *view, bool launches)
{
    int64_t have = 0;
    for (size_t i = 0; i < view->n_instances; i++)
        if (view->instances[i].state <= OB_INSTANCE_ACTIVE)
            have += view->instances[i].nominal.mcpu;
    if (have >= (int64_t)e->wanted_vcpus * 1000 || (!launches && !view->lacks_room) || !e->enabled)
        e->wanted_vcpus = 0;
}

static void after_decision(env *e, const decide_env *view, bool launches, int64_t now_ms)
{
    if (view->passed)
        return; /* its shortages and limits are not known: it is decided again at once */
    if (!view->lacks_room)
        e->short_since_ms = 0;
    else if (e->short_since_ms == 0)
        e->short_since_ms = now_ms;
    shortages_take(e, view->shortages, view->n_shortages, now_ms);
    if (e->wanted_vcpus > 0)
        settle_wanted(e, view, launches);
}

static int drain_decided(
    scaler *s, const env *e, const decide_env *view, instance *const *which, ob_error *err)
{
    ob_cleanup(ob_freep) instance **drains = ob_calloc(view->n_instances + 1, sizeof(*drains));
    int r = 0;
    /* Instances with the same reason together: one transaction each. */
    for (size_t i = 0; r == 0 && i < view->n_instances; i++) {
        const char *why = view->instances[i].drain;
        int64_t deadline_ms = e->deleting ? 0 : view->instances[i].outdated ? e->drain_ms : -1;
        size_t n = 0;
        for (size_t k = i; why && k < view->n_instances; k++)
            if (view->instances[k].drain && !strcmp(view->instances[k].drain, why)) {
                drains[n++] = which[k];
                view->instances[k].drain = NULL;
            }
        r = instances_drain(s, drains, n, why, deadline_ms, err);
    }
    return r;
}

/* Instances whose environment is no longer in the table end too. */
static int drain_orphans(scaler *s, ob_error *err)
{
    ob_cleanup(ob_freep) instance **drains =
        ob_calloc(HASH_COUNT(s->instances) + 1, sizeof(*drains));
    size_t n = 0;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (!scaler_env(s, in->ce_id) && in->state <= OB_INSTANCE_ACTIVE)
            drains[n++] = in;
    return instances_drain(s, drains, n, "its compute environment is gone", -1, err);
}

int decision_turn(scaler *s, int64_t now_ms, ob_error *err)
{
    size_t n = HASH_COUNT(s->envs), total = HASH_COUNT(s->instances), at = 0, i = 0;
    ob_cleanup(ob_freep) decide_env *views = ob_calloc(n + 1, sizeof(*views));
    ob_cleanup(ob_freep) env **envs = ob_calloc(n + 1, sizeof(env *));
    ob_cleanup(ob_freep) decide_instance *instances = ob_calloc(total + 1, sizeof(*instances));
    ob_cleanup(ob_freep) instance **which = ob_calloc(total + 1, sizeof(instance *));
    decide_launch launches[MAX_LAUNCHES];
    ob_cleanup(ob_freep) bool *launched = ob_calloc(n + 1, sizeof(*launched));

    s->dirty = false;
    s->decided_at_ms = now_ms;
    for (env *e = s->envs; e; e = e->hh.next) {
        view_env(s, e, &views[i], instances + at, which + at, now_ms);
        at += views[i].n_instances;
        envs[i++] = e;
    }
    decide_host host = view_host(s);
    decide_limits limits = { .idle_ms = s->config.scale_in_idle_ms,
                             .starved_ms = STARVED_MS,
                             .max_launches = MAX_LAUNCHES,
                             .max_steps = MAX_STEPS };
    size_t n_launches = decide(views, n, &host, &limits, launches);
    for (i = 0; i < n_launches; i++)
        launched[launches[i].env] = true;
    for (i = 0; i < n; i++) {
        after_decision(envs[i], &views[i], launched[i], now_ms);
        s->dirty = s->dirty || views[i].passed;
        free(views[i].shortages);
    }

    int r = launches_start(s, launches, envs, n_launches, now_ms, err);
    for (i = 0; i < n_launches; i++)
        free(launches[i].plan); /* of those that were not taken on */
    for (i = 0, at = 0; r == 0 && i < n; at += views[i].n_instances, i++)
        r = drain_decided(s, envs[i], &views[i], which + at, err);
    return r < 0 ? r : drain_orphans(s, err);
}
