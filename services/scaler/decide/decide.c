/* Decides what to launch and what to give back. Pure: no state outlives a call.
 *
 * Work that waits is packed into the free room of instances that run or are on their way; for the
 * rest one instance at a time is launched, smaller environments first, of the type that the
 * environment's strategy puts first: mostly that with the least cost for the work it would take,
 * waste included. An idle instance that no work waits for goes after a while, or at once when
 * another environment lacks room on the provider. */
#include "decide.h"

#include <stdlib.h>

#include "decide_fill.h"
#include "ob/error.h"

/* What one more instance costs beside its price, so that few suitable ones win over many tiny ones
 * of the same price. */
#define INSTANCE_OVERHEAD 3000

#define MAKES_ROOM "makes room for another compute environment"

typedef struct work_env {
    decide_env *env;
    fill *waiting; /* work that is not packed yet */
    bool *within;  /* of its shapes: a type within max_mcpu can hold it */
    bool *aside;   /* of its shapes: they wait for a type that there is none of now */
    bool *tried;   /* of its shapes: some wait for launches that are in doubt */
    bool *wanted;  /* instances that work waits for */
    int64_t alive; /* mcpu of all that has not ended: counts against maxvCpus */
    int64_t kept;  /* of it LAUNCHING and ACTIVE, less drains decided here */
    bool settled;  /* nothing more can be launched for it */
} work_env;

typedef struct work {
    work_env *envs;
    size_t n;
    decide_host host;
    const decide_limits *limits;
} work;

static bool has_rest(const work_env *w)
{
    for (size_t i = 0; i < w->env->n_shapes; i++)
        if (w->waiting->rest[i].count > 0)
            return true;
    return false;
}

/* Packs work into an instance. Returns whether it is wanted. */
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

/* Busy instances first, so that idle ones stay free to go; then idle, then LAUNCHING, at last those
 * that may never come. */
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

/* Which work an instance within maxvCpus could take. */
static void find_within(work_env *w)
{
    const decide_env *env = w->env;
    for (size_t i = 0; i < env->n_shapes; i++)
        for (size_t k = 0; k < env->n_types && !w->within[i]; k++)
            w->within[i] = !env->types[k].barred && env->types[k].nominal.mcpu <= env->max_mcpu &&
                           ob_resources_fit(&w->waiting->rest[i].need, &env->types[k].usable);
}

static void env_init(work_env *w, decide_env *env)
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
        /* What drains for another reason may have runs that last: no update waits for these. */
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

static void env_done(work_env *w)
{
    fill_done(w->waiting);
    free(w->waiting);
    free(w->within);
    free(w->aside);
    free(w->tried);
    free(w->wanted);
}

/* ---- Launching ---- */

/* How many of a type maxvCpus allows now. */
static int64_t within_max(const work_env *w, const decide_type *type)
{
    int64_t max = w->env->max_mcpu, mcpu = type->nominal.mcpu;
    if (mcpu <= max)
        return w->alive + mcpu <= max ? (max - w->alive) / mcpu : 0;
    return w->env->may_exceed && w->alive < max;
}

/* What the provider's room may be used for one instance. */
typedef struct bounds {
    bool any; /* whatever the provider has now */
    bool limited;
    int64_t mcpu, mem;
} bounds;

static bool in_bounds(const bounds *b, const ob_resources *nominal)
{
    return !b->limited || (nominal->mcpu <= b->mcpu && nominal->mem_mib <= b->mem);
}

/* A type as it stands before others: 'group' first, then what it costs for what it is worth. */
typedef struct standing {
    const decide_type *type;
    bool works; /* takes work that waits; otherwise: helps to the floor */
    int64_t group, cost, value;
} standing;

static int64_t group_of(decide_strategy strategy, const decide_type *type)
{
    switch (strategy) {
    case DECIDE_BEST_FIT:
    case DECIDE_PROGRESSIVE:
    case DECIDE_SPOT_PRICE_CAPACITY:
        return 0;
    case DECIDE_ORDERED:
        return type->rank;
    case DECIDE_SPOT_CAPACITY:
        return type->interruptions;
    case DECIDE_SPOT_CAPACITY_PRIORITIZED:
        return ((int64_t)type->interruptions << 32) + type->rank;
    }
    return 0;
}

/* An interrupted instance's work is done twice. */
static int64_t cost_of(decide_strategy strategy, const decide_type *type)
{
    int64_t cost = type->price + INSTANCE_OVERHEAD;
    return strategy == DECIDE_SPOT_PRICE_CAPACITY ? cost * (100 + type->interruptions) / 100 : cost;
}

/* Ties: fewer vCPUs, then the name (types come sorted by it). */
static bool before(const standing *a, const standing *b)
{
    if (!b->type || a->works != b->works)
        return !b->type || a->works;
    if (a->group != b->group)
        return a->group < b->group;
    __int128 left = (__int128)a->cost * b->value, right = (__int128)b->cost * a->value;
    return left != right ? left < right : a->type->nominal.mcpu < b->type->nominal.mcpu;
}

/* How a type stands; value 0: it would not help. Leaves in w->waiting what one would take. */
static standing stand(const work_env *w, const decide_type *type)
{
    const decide_env *env = w->env;
    bool exceeds = type->nominal.mcpu > env->max_mcpu, floor_only = !env->enabled;
    int64_t n_max = within_max(w, type), lack = env->floor_mcpu - w->kept;
    standing s = { .type = type, .group = group_of(env->strategy, type) };
    s.cost = cost_of(env->strategy, type);
    if (n_max == 0)
        return s;
    if (!floor_only)
        s.value = fill_one(w->waiting, exceeds ? w->within : NULL, &type->usable);
    s.works = s.value > 0;
    if (!s.works && lack > 0 && !exceeds) {
        int64_t n = (lack + type->nominal.mcpu - 1) / type->nominal.mcpu;
        n = n < n_max ? n : n_max;
        s.value = n * type->nominal.mcpu < lack ? n * type->nominal.mcpu : lack;
        s.cost *= n;
    }
    return s;
}

/* The type that stands first; NULL: none helps. */
static const decide_type *choose(const work_env *w, const bounds *within)
{
    standing best = { 0 };
    for (size_t i = 0; i < w->env->n_types; i++) {
        const decide_type *type = &w->env->types[i];
        if (type->barred || (type->unavailable && !within->any) ||
            !in_bounds(within, &type->nominal))
            continue;
        standing s = stand(w, type);
        if (s.value > 0 && before(&s, &best))
            best = s;
    }
    return best.type;
}

/* Exact: the largest work that waits and that maxvCpus allows. */
static const decide_shape *choose_exact(const work_env *w, const bounds *within)
{
    const decide_shape *rest = w->waiting->rest;
    for (size_t i = 0; w->env->enabled && i < w->env->n_shapes; i++)
        if (rest[i].count > 0 && w->alive + rest[i].need.mcpu <= w->env->max_mcpu &&
            in_bounds(within, &rest[i].need))
            return &rest[i];
    return NULL;
}

/* What comes next for an environment: a type, or an exact size. */
static bool choose_launch(const work_env *w, const bounds *within, decide_launch *ret)
{
    if (w->env->exact) {
        const decide_shape *shape = choose_exact(w, within);
        if (shape)
            *ret = (decide_launch){ .nominal = shape->need, .size = shape->need };
        return shape != NULL;
    }
    const decide_type *type = choose(w, within);
    if (type)
        *ret = (decide_launch){ .type = type, .nominal = type->nominal, .size = type->usable };
    return type != NULL;
}

static bool needs_more(const work_env *w)
{
    return !w->settled && (w->kept < w->env->floor_mcpu || (w->env->enabled && has_rest(w)));
}

/* The environment to serve next: the one that has least. */
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

/* Within an equal share of what is left and half of the whole if something helps there, else
 * anything that still fits. */
static bool choose_with_room(const work *k, const work_env *w, size_t needy, decide_launch *ret)
{
    const decide_host *host = &k->host;
    if (!host->limited)
        return choose_launch(w, &(bounds){ .limited = false }, ret);
    int64_t share = host->mcpu_left / (int64_t)needy;
    bounds within = { .limited = true,
                      .mcpu = share < host->mcpu / 2 ? share : host->mcpu / 2,
                      .mem = host->mem_left / (int64_t)needy };
    if (choose_launch(w, &within, ret))
        return true;
    within.mcpu = host->mcpu_left;
    within.mem = host->mem_left;
    return choose_launch(w, &within, ret);
}

/* The type that is best whatever is left now, on a host of this size, or nothing while there is
 * none of it: BEST_FIT waits. */
static bool choose_patiently(const work *k, const work_env *w, decide_launch *ret)
{
    const decide_host *host = &k->host;
    bounds whole = { .any = true, .limited = host->limited, .mcpu = host->mcpu, .mem = host->mem };
    bounds half = whole;
    half.mcpu /= 2;
    half.mem /= 2;
    if (!choose_launch(w, &half, ret) && !choose_launch(w, &whole, ret))
        return false;
    bounds left = { .limited = host->limited, .mcpu = host->mcpu_left, .mem = host->mem_left };
    return !(ret->type && ret->type->unavailable) && in_bounds(&left, &ret->nominal);
}

/* Notes which work it is for. */
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

/* Can an instance of that type hold it, by the rules of maxvCpus? */
static bool holds(const work_env *w, const decide_type *type, size_t shape)
{
    return (type->nominal.mcpu <= w->env->max_mcpu || !w->within[shape]) &&
           ob_resources_fit(&w->waiting->rest[shape].need, &type->usable);
}

/* There is none of the type that work waits for (BEST_FIT): what it could hold waits, the rest goes
 * on. Returns whether it could hold any. */
static bool set_aside(work_env *w, const decide_type *type)
{
    bool any = false;
    for (size_t i = 0; type && type->unavailable && w->env->enabled && i < w->env->n_shapes; i++)
        if (w->waiting->rest[i].count > 0 && holds(w, type, i)) {
            w->waiting->rest[i].count = 0;
            any = w->aside[i] = true;
        }
    w->env->lacks_room = w->env->lacks_room || any;
    return any;
}

/* Has so much been looked at that the next call is to go on? */
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
            w->env->lacks_room =
                choose_launch(w, &(bounds){ .any = true }, &ignored) || w->env->lacks_room;
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

/* Why work that was left over gets no instance; false: nothing is lacking, it has to wait for those
 * that are there. */
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
        } else if (holds(w, type, shape)) {
            fits = true;
            if (within_max(w, type) > 0)
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

/* ---- Giving back ---- */

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

/* The largest first: what stays for the floor is then small. Nothing else can use what has exactly
 * the size of a job: it goes at once. */
static void drain_idle(work *k, work_env *w)
{
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

/* The smallest instance that would help an environment, room aside. */
static bool smallest_help(const work_env *w, ob_resources *ret)
{
    bool any = false;
    decide_launch exact;
    if (w->env->exact) {
        any = choose_launch(w, &(bounds){ .any = true }, &exact);
        *ret = any ? exact.nominal : (ob_resources){ 0 };
        return any;
    }
    for (size_t i = 0; i < w->env->n_types; i++) {
        const decide_type *type = &w->env->types[i];
        if (type->unavailable || type->barred || stand(w, type).value == 0)
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

/* Idle instances of any environment make room for one that lacks it. */
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

/* An environment that has had nothing for long gets its share: of the environment that holds most,
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

static void make_room(work *k)
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

size_t decide(decide_env *envs,
              size_t n_envs,
              const decide_host *host,
              const decide_limits *limits,
              decide_launch *out)
{
    work k = { .n = n_envs, .host = *host, .limits = limits };
    k.envs = ob_calloc(n_envs + 1, sizeof(*k.envs));
    for (size_t i = 0; i < n_envs; i++)
        env_init(&k.envs[i], &envs[i]);
    size_t n = plan_launches(&k, out);
    for (size_t i = 0; i < n_envs; i++)
        find_shortages(&k.envs[i]);
    for (size_t i = 0; i < n_envs; i++)
        drain_idle(&k, &k.envs[i]);
    if (k.host.limited)
        make_room(&k);
    for (size_t i = 0; i < n_envs; i++)
        env_done(&k.envs[i]);
    free(k.envs);
    return n;
}
