/* How types stand before each other, by the strategy of their environment (docs/capacity.md):
 * mostly that with the least cost for the work it would take, waste included, comes first. Pure. */
#include "decide_choose.h"

/* The cost of one more instance in addition to its price, so that few suitable ones are preferred
 * to many tiny ones of the same price. */
#define INSTANCE_OVERHEAD 3000

/* The part of the provider's capacity that one instance may use. */
typedef struct bounds {
    bool any; /* regardless of the provider's free capacity */
    bool limited;
    int64_t mcpu, mem;
} bounds;

static bool in_bounds(const bounds *b, const ob_resources *nominal)
{
    return !b->limited || (nominal->mcpu <= b->mcpu && nominal->mem_mib <= b->mem);
}

/* The rank of a type: 'group' first, then its cost for its value. */
typedef struct standing {
    const decide_type *type;
    bool works; /* it takes waiting work; otherwise it helps to reach minvCpus */
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

/* The work of an interrupted instance is done twice. */
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

/* The rank of a type; value 0: it would not help. Leaves in w->waiting what one instance would
 * take. */
static standing stand(const work_env *w, const decide_type *type)
{
    const decide_env *env = w->env;
    bool exceeds = type->nominal.mcpu > env->max_mcpu, floor_only = !env->enabled;
    int64_t n_max = work_within_max(w, type), lack = env->floor_mcpu - w->kept;
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

/* The type with the best rank; NULL: none helps. */
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

/* Exact sizes: the largest waiting work that maxvCpus allows. */
static const decide_shape *choose_exact(const work_env *w, const bounds *within)
{
    const decide_shape *rest = w->waiting->rest;
    for (size_t i = 0; w->env->enabled && i < w->env->n_shapes; i++)
        if (rest[i].count > 0 && w->alive + rest[i].need.mcpu <= w->env->max_mcpu &&
            in_bounds(within, &rest[i].need))
            return &rest[i];
    return NULL;
}

/* The next launch for an environment: a type, or an exact size. */
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

bool choose_with_room(const work *k, const work_env *w, size_t needy, decide_launch *ret)
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

bool choose_patiently(const work *k, const work_env *w, decide_launch *ret)
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

bool choose_any(const work_env *w, decide_launch *ret)
{
    return choose_launch(w, &(bounds){ .any = true }, ret);
}

bool choose_helps(const work_env *w, const decide_type *type)
{
    return stand(w, type).value > 0;
}
