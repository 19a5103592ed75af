/* Decides what to launch and what to give back. Pure: no state outlives a call.
 *
 * Work that waits is packed into the free room of instances that run or are on their way; for the
 * rest the type with the least cost for the wanted work, waste included, is launched, one instance
 * at a time, smaller environments first. An idle instance that no work waits for goes after a
 * while, or at once when another environment lacks room on the provider. */
#include "decide.h"

#include <stdlib.h>
#include <string.h>

#include "ob/error.h"

/* What one more instance costs beside its price, so that few suitable ones win over many tiny ones
 * of the same price. */
#define INSTANCE_OVERHEAD 10000

#define MAKES_ROOM "makes room for another compute environment"

typedef struct work_env {
    decide_env *env;
    decide_shape *rest; /* what is not packed yet, largest need first */
    bool *wanted;       /* instances that work waits for */
    int32_t alive;      /* vCPUs of all that has not ended: counts against maxvCpus */
    int32_t kept;       /* of it LAUNCHING and ACTIVE, less drains decided here */
    bool settled;       /* nothing more can be launched for it */
} work_env;

typedef struct work {
    work_env *envs;
    size_t n;
    decide_host host;
    const decide_limits *limits;
} work;

/* What resources are worth, in the prices' unit: near the catalogue's price for each kind, so that
 * work of different shapes adds up. */
static int64_t worth(const ob_resources *r)
{
    return 1 + (int64_t)r->mcpu * 35 + (int64_t)r->mem_mib * 7 / 2 + (int64_t)r->gpus * 400000;
}

static int by_need(const void *a, const void *b)
{
    const decide_shape *x = a, *y = b;
    int64_t left = worth(&x->need), right = worth(&y->need);
    return left == right ? 0 : left > right ? -1 : 1;
}

/* How many of 'need' find room. */
static int64_t fits(const ob_resources *need, const ob_resources *room, int64_t most)
{
    if (!ob_resources_fit(need, room))
        return 0;
    if (need->mcpu > 0 && room->mcpu / need->mcpu < most)
        most = room->mcpu / need->mcpu;
    if (need->mem_mib > 0 && room->mem_mib / need->mem_mib < most)
        most = room->mem_mib / need->mem_mib;
    if (need->gpus > 0 && room->gpus / need->gpus < most)
        most = room->gpus / need->gpus;
    return most;
}

static void take(ob_resources *room, const ob_resources *need, int64_t n)
{
    room->mcpu -= (int32_t)(need->mcpu * n);
    room->mem_mib -= (int32_t)(need->mem_mib * n);
    room->gpus -= (int32_t)(need->gpus * n);
}

/* Packs waiting work into 'room'. Returns whether anything found room. */
static bool pack(decide_shape *shapes, size_t n, ob_resources room)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        int64_t k = fits(&shapes[i].need, &room, shapes[i].count);
        take(&room, &shapes[i].need, k);
        shapes[i].count -= k;
        any = any || k > 0;
    }
    return any;
}

static bool has_rest(const work_env *w)
{
    for (size_t i = 0; i < w->env->n_shapes; i++)
        if (w->rest[i].count > 0)
            return true;
    return false;
}

/* Busy instances first, so that idle ones stay free to go; then idle, then LAUNCHING. */
static void pack_into_instances(work_env *w)
{
    for (int pass = 0; pass < 3; pass++)
        for (size_t i = 0; i < w->env->n_instances; i++) {
            const decide_instance *in = &w->env->instances[i];
            bool active = in->state == OB_INSTANCE_ACTIVE;
            if (!active && in->state != OB_INSTANCE_LAUNCHING)
                continue;
            if (pass != (!active ? 2 : in->runs > 0 ? 0 : 1))
                continue;
            ob_resources room = in->size;
            ob_resources_sub(&room, &in->used);
            w->wanted[i] = pack(w->rest, w->env->n_shapes, room);
        }
}

static void env_init(work_env *w, decide_env *env)
{
    *w = (work_env){ .env = env };
    w->rest = ob_calloc(env->n_shapes + 1, sizeof(*w->rest));
    w->wanted = ob_calloc(env->n_instances + 1, sizeof(*w->wanted));
    if (env->n_shapes > 0)
        memcpy(w->rest, env->shapes, env->n_shapes * sizeof(*w->rest));
    qsort(w->rest, env->n_shapes, sizeof(*w->rest), by_need);
    env->lacks_room = false;
    for (size_t i = 0; i < env->n_instances; i++) {
        decide_instance *in = &env->instances[i];
        bool stays = in->state == OB_INSTANCE_LAUNCHING || in->state == OB_INSTANCE_ACTIVE;
        in->drain = env->deleting && stays ? "its compute environment is deleted" : NULL;
        w->alive += in->vcpus;
        if (stays && !in->drain)
            w->kept += in->vcpus;
    }
    if (!env->deleting)
        pack_into_instances(w);
    w->settled = env->deleting || !env->enabled;
}

/* ---- Launching ---- */

/* The work that at most n_max instances of a type would take, and how many it takes. Equal
 * instances are filled by repeating a pattern, so the cost does not depend on the number of jobs.
 */
static int64_t cover(const work_env *w, const decide_type *type, int64_t n_max, int64_t *ret_n)
{
    size_t n_shapes = w->env->n_shapes;
    decide_shape *left = ob_calloc(n_shapes + 1, sizeof(*left));
    int64_t *pattern = ob_calloc(n_shapes + 1, sizeof(*pattern));
    int64_t value = 0, n = 0;
    memcpy(left, w->rest, n_shapes * sizeof(*left));
    while (n < n_max) {
        ob_resources room = type->usable;
        int64_t one = 0, times = n_max - n;
        for (size_t i = 0; i < n_shapes; i++) {
            pattern[i] = fits(&left[i].need, &room, left[i].count);
            take(&room, &left[i].need, pattern[i]);
            one += pattern[i] * worth(&left[i].need);
            if (pattern[i] > 0 && left[i].count / pattern[i] < times)
                times = left[i].count / pattern[i];
        }
        if (one == 0)
            break;
        for (size_t i = 0; i < n_shapes; i++)
            left[i].count -= times * pattern[i];
        value += times * one;
        n += times;
    }
    free(left);
    free(pattern);
    *ret_n = n;
    return value;
}

static bool none_within_max(const decide_env *env)
{
    for (size_t i = 0; i < env->n_types; i++)
        if (env->types[i].vcpus <= env->max_vcpus)
            return false;
    return true;
}

/* How many of a type maxvCpus allows now. */
static int64_t within_max(const work_env *w, const decide_type *type)
{
    if (w->alive + type->vcpus <= w->env->max_vcpus)
        return (w->env->max_vcpus - w->alive) / type->vcpus;
    /* An environment that could never have any instance is allowed one. */
    return w->env->may_exceed && w->env->max_vcpus > 0 && w->alive == 0 && none_within_max(w->env);
}

/* What the provider's room may be used for one instance. */
typedef struct bounds {
    bool any; /* whatever the provider has now */
    bool limited;
    int32_t vcpus;
    int64_t mem;
} bounds;

/* The type with the least cost for the work that waits; without such work, for the vCPUs that lack
 * to the floor. Ties: fewer vCPUs, then the name (types come sorted by it). */
static const decide_type *choose(const work_env *w, const bounds *within)
{
    const decide_type *best = NULL;
    int64_t best_value = 0, best_cost = 0;
    bool by_work = false;
    for (size_t i = 0; i < w->env->n_types; i++) {
        const decide_type *type = &w->env->types[i];
        int64_t n_max = within_max(w, type), n;
        if ((type->unavailable && !within->any) || n_max == 0 ||
            (within->limited && (type->vcpus > within->vcpus || type->mem_mib > within->mem)))
            continue;
        int64_t value = cover(w, type, n_max, &n);
        bool works = value > 0;
        int64_t lack = w->env->floor_vcpus - w->kept;
        if (!works && lack > 0) {
            n = (lack + type->vcpus - 1) / type->vcpus;
            n = n < n_max ? n : n_max;
            value = n * type->vcpus < lack ? n * type->vcpus : lack;
        }
        if (value == 0 || (by_work && !works))
            continue;
        int64_t cost = n * (type->price + INSTANCE_OVERHEAD);
        __int128 left = (__int128)cost * best_value, right = (__int128)best_cost * value;
        if (!best || (works && !by_work) || left < right ||
            (left == right && type->vcpus < best->vcpus)) {
            best = type;
            best_value = value;
            best_cost = cost;
            by_work = works;
        }
    }
    return best;
}

static bool needs_more(const work_env *w)
{
    return !w->settled && (w->kept < w->env->floor_vcpus || has_rest(w));
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

/* The best type for which there is room: within an equal share of what is left and half of the
 * whole if something helps there, else anything that still fits. */
static const decide_type *choose_with_room(const work *k, const work_env *w, size_t needy)
{
    if (!k->host.limited)
        return choose(w, &(bounds){ .limited = false });
    int32_t share = k->host.vcpus_left / (int32_t)needy;
    if (share > k->host.vcpus / 2)
        share = k->host.vcpus / 2;
    bounds within = { .limited = true, .vcpus = share, .mem = k->host.mem_left / (int64_t)needy };
    const decide_type *type = choose(w, &within);
    if (!type) {
        within.vcpus = k->host.vcpus_left;
        within.mem = k->host.mem_left;
        type = choose(w, &within);
    }
    return type;
}

static size_t plan_launches(work *k, decide_launch *out)
{
    size_t n = 0, needy;
    for (work_env *w; n < k->limits->max_launches && (w = next_needy(k, &needy));) {
        const decide_type *type = choose_with_room(k, w, needy);
        if (!type) {
            w->settled = true;
            w->env->lacks_room = choose(w, &(bounds){ .any = true }) != NULL;
            continue;
        }
        out[n++] = (decide_launch){ .env = (size_t)(w - k->envs), .type = type };
        w->alive += type->vcpus;
        w->kept += type->vcpus;
        (void)pack(w->rest, w->env->n_shapes, type->usable);
        k->host.vcpus_left -= type->vcpus;
        k->host.mem_left -= type->mem_mib;
    }
    return n;
}

/* ---- Giving back ---- */

static bool is_idle(const work_env *w, size_t i)
{
    const decide_instance *in = &w->env->instances[i];
    return in->state == OB_INSTANCE_ACTIVE && !in->drain && in->runs == 0 && !w->wanted[i] &&
           w->env->demand_known && w->kept - in->vcpus >= w->env->floor_vcpus;
}

static void drain(work *k, work_env *w, decide_instance *in, const char *why)
{
    in->drain = why;
    w->kept -= in->vcpus;
    k->host.vcpus_ending += in->vcpus;
    k->host.mem_ending += in->mem_mib;
}

/* The largest first: what stays for the floor is then small. */
static void drain_idle(work *k, work_env *w)
{
    for (;;) {
        decide_instance *pick = NULL;
        for (size_t i = 0; i < w->env->n_instances; i++) {
            decide_instance *in = &w->env->instances[i];
            if (is_idle(w, i) && in->idle_ms >= k->limits->idle_ms &&
                (!pick || in->vcpus > pick->vcpus))
                pick = in;
        }
        if (!pick)
            return;
        drain(k, w, pick, "idle");
    }
}

/* The smallest type that would help an environment, room aside. */
static const decide_type *smallest_help(const work_env *w)
{
    const decide_type *best = NULL;
    for (size_t i = 0; i < w->env->n_types; i++) {
        const decide_type *type = &w->env->types[i];
        int64_t n;
        if (type->unavailable || within_max(w, type) == 0 ||
            (cover(w, type, 1, &n) == 0 && w->kept >= w->env->floor_vcpus))
            continue;
        if (!best || type->vcpus < best->vcpus ||
            (type->vcpus == best->vcpus && type->mem_mib < best->mem_mib))
            best = type;
    }
    return best;
}

static bool enough_comes(const work *k, const decide_type *type)
{
    return k->host.vcpus_left + k->host.vcpus_ending >= type->vcpus &&
           k->host.mem_left + k->host.mem_ending >= type->mem_mib;
}

/* Idle instances of any environment make room for one that lacks it. */
static void make_room_by_idle(work *k, const decide_type *type)
{
    for (size_t e = 0; e < k->n; e++)
        for (size_t i = 0; i < k->envs[e].env->n_instances; i++) {
            if (enough_comes(k, type))
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
    if (!most || (int64_t)most->kept * (int64_t)active <= k->host.vcpus)
        return;
    decide_instance *pick = NULL;
    for (size_t i = 0; i < most->env->n_instances; i++) {
        decide_instance *in = &most->env->instances[i];
        if (in->state == OB_INSTANCE_ACTIVE && !in->drain &&
            most->kept - in->vcpus >= most->env->floor_vcpus && (!pick || in->runs < pick->runs))
            pick = in;
    }
    if (pick)
        drain(k, most, pick, MAKES_ROOM);
}

static void make_room(work *k)
{
    for (size_t e = 0; e < k->n; e++) {
        work_env *w = &k->envs[e];
        const decide_type *type = w->env->lacks_room ? smallest_help(w) : NULL;
        if (!type)
            continue;
        make_room_by_idle(k, type);
        if (!enough_comes(k, type) && w->alive == 0 && w->env->starved_ms >= k->limits->starved_ms)
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
        drain_idle(&k, &k.envs[i]);
    if (k.host.limited)
        make_room(&k);
    for (size_t i = 0; i < n_envs; i++) {
        free(k.envs[i].rest);
        free(k.envs[i].wanted);
    }
    free(k.envs);
    return n;
}
