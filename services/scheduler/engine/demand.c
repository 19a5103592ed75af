/* Demand: which environment is to take which waiting work. Work is assigned by queue priority and
 * age, to the first usable environment of the queue that can launch something large enough and has
 * capacity below maxvCpus: first on instances that are on their way, then as new ones. (Waiting
 * work fits on no ACTIVE instance, because placement has just tried. Held instances (hold.c) will
 * be tried again soon: nothing is requested in their place unless they are held for long.) Work for
 * which an environment can get nothing now is also assigned to the next one; other work of the same
 * environment is not. Work beyond all maxima stays with the first environment that could take it,
 * up to its total capacity. In a fair-share queue each share's first class gets one job's worth
 * before all else. A launch that is kept for a large job (keep.c) is not taken by later jobs, and
 * no more is requested than a queue's reservation for other shares allows. */
#include "demand.h"

#include "arena.h"
#include "ce.h"
#include "fit.h"
#include "hold.h"
#include "line.h"
#include "minmax.h"
#include "slots.h"

static void begin(const engine *e, ce *c)
{
    c->n_next = 0;
    c->n_coming = c->n_held = c->n_soon = 0;
    c->headroom_mcpu = (int64_t)c->max_vcpus * 1000 - ce_provisioned_mcpu(c);
    if (c->launches == 0 && e->hold_due_ms == INT64_MAX && e->n_unwell == 0)
        return;
    for (instance *i = c->instances; i; i = i->inext) {
        if (!i->known || i->lost)
            continue;
        if (i->state == OB_INSTANCE_LAUNCHING)
            *LIST_ADD(c, coming) = i->size;
        if (i->state != OB_INSTANCE_ACTIVE || !instance_is_held(i))
            continue;
        *LIST_ADD(c, held) = (slot){ .room = instance_room(i), .on = i };
        if (!hold_is_long(e, i))
            *LIST_ADD(c, soon) = instance_room(i);
    }
}

static void ask(ce *c, const ob_resources *need, int64_t n)
{
    effect_shape *s = LIST_ADD(c, next);
    s->need = *need;
    s->count = (int32_t)min_i64(n, INT32_MAX);
}

/* How many of 'n' fit into the free capacity of these instances; uses it up. */
static int64_t
pack(const ce *c, ob_resources *rooms, size_t n_rooms, const ob_resources *need, int64_t n)
{
    int64_t taken = 0;
    for (size_t i = 0; i < n_rooms && taken < n; i++) {
        int64_t units = min_i64(n - taken, fit_count(c, need, &rooms[i]));
        rooms[i].mcpu -= (int32_t)(need->mcpu * units);
        rooms[i].mem_mib -= (int32_t)(need->mem_mib * units);
        rooms[i].gpus -= (int32_t)(need->gpus * units);
        taken += units;
    }
    return taken;
}

/* How many new instances fit below maxvCpus. If anything is free, one may exceed it. */
static int64_t launchable(const ce *c, const class_fit *fit)
{
    if (!ce_may_launch(c, fit->least_mcpu) || c->headroom_mcpu <= 0)
        return 0;
    int64_t units = c->headroom_mcpu / fit->cost_mcpu;
    return units == 0 && ce_shape_exceeds_max(c, fit->least_mcpu) ? 1 : units;
}

/* How many of 'n' fit the environment; uses the capacity up. starting: some of it is on its way */
static int64_t
take(ce *c, const ob_resources *need, const class_fit *fit, int64_t n, bool *starting)
{
    int64_t taken = pack(c, c->coming, c->n_coming, need, n);
    *starting = taken > 0;
    int64_t units = min_i64(n - taken, launchable(c, fit));
    if (units > 0) {
        c->headroom_mcpu -= units * fit->cost_mcpu;
        /* It stays in the demand, so that new capacity is noticed; the next environment is asked
         * too. */
        if (fit->shortage)
            ask(c, need, units);
        else
            taken += units;
    }
    return taken;
}

/* Is the possible launch there kept for a job that goes first? */
static bool is_kept(const ce *c, const class *cls)
{
    const queue *q = c->headroom_for;
    return q && q->keeper != cls && q->priority >= cls->queue->priority;
}

/* How many of 'n' the queue's reservation allows; subtracts them from *cap_mcpu. One is always
 * allowed. */
static int64_t within_cap(const class *cls, int64_t n, int64_t *cap_mcpu)
{
    const queue *q = cls->queue;
    if (*cap_mcpu == INT64_MAX || cls->need.mcpu == 0)
        return n;
    int64_t units = *cap_mcpu > 0 ? *cap_mcpu / cls->need.mcpu : 0;
    bool first = q->mcpu == 0 && *cap_mcpu == q->cap_mcpu;
    n = min_i64(n, units == 0 && first ? 1 : units);
    *cap_mcpu -= n * cls->need.mcpu;
    return n;
}

/* Assigns the work of up to 'n' jobs of the class; *cap_mcpu: what its queue may still use. */
static void give_out(engine *e, class *cls, int64_t n, int64_t *cap_mcpu)
{
    const queue *q = cls->queue;
    fit_update(e, cls);
    int64_t rest = within_cap(cls, min_i64((int64_t)cls->n_waiting - cls->given, n), cap_mcpu);
    int64_t most = 0;
    const char *shortage = NULL;
    ce *first = NULL;
    cls->given += rest;
    for (size_t i = 0; i < q->n_ces;
         i++) /* it will be placed there soon, so nothing is requested */
        if (ce_is_usable(q->ces[i]))
            rest -= pack(q->ces[i], q->ces[i]->soon, q->ces[i]->n_soon, &cls->need, rest);
    for (size_t i = 0; i < q->n_ces && rest > 0; i++) {
        ce *c = q->ces[i];
        int64_t max_mcpu = (int64_t)c->max_vcpus * 1000, cost = cls->fit[i].cost_mcpu;
        if (!ce_is_usable(c) || !cls->fit[i].launch || ce_need_exceeds_max(c, &cls->need) ||
            is_kept(c, cls))
            continue;
        bool starting;
        int64_t taken = take(c, &cls->need, &cls->fit[i], rest, &starting);
        cls->starting |= starting ? 1u << i : 0;
        rest -= taken;
        if (taken > 0)
            ask(c, &cls->need, taken);
        cls->coming = cls->coming || taken > 0;
        if (!first) {
            first = c;
            shortage = cls->fit[i].shortage;
            most = (max_mcpu > cost ? max_mcpu / cost : 1) - taken;
        }
    }
    cls->beyond = cls->beyond || rest > 0;
    if (first && !shortage && rest > 0 && most > 0)
        ask(first, &cls->need, min_i64(rest, most));
}

static void give_out_queue(engine *e, queue *q)
{
    int64_t cap_mcpu = q->cap_mcpu == INT64_MAX ? INT64_MAX : q->cap_mcpu - q->mcpu;
    class *cls;
    line_start(e, q);
    for (size_t i = 0; i < e->n_line; i++)
        for (size_t k = 0; k < e->line[i]->n_work; k++) {
            e->line[i]->work[k]->given = 0;
            e->line[i]->work[k]->coming = e->line[i]->work[k]->beyond = false;
            e->line[i]->work[k]->starting = 0;
        }
    for (size_t i = 0; i < e->n_line && q->policy.fair; i++)
        give_out(e, e->line[i]->work[0], 1, &cap_mcpu);
    for (; (cls = line_first(e)); line_skip(e))
        give_out(e, cls, INT64_MAX, &cap_mcpu);
}

static int by_shape(const void *a, const void *b)
{
    const ob_resources *x = &((const effect_shape *)a)->need, *y = &((const effect_shape *)b)->need;
    if (x->mcpu != y->mcpu)
        return x->mcpu < y->mcpu ? -1 : 1;
    if (x->mem_mib != y->mem_mib)
        return x->mem_mib < y->mem_mib ? -1 : 1;
    return x->gpus < y->gpus ? -1 : x->gpus > y->gpus;
}

static void merge(ce *c)
{
    if (c->n_next < 2)
        return;
    qsort(c->next, c->n_next, sizeof(effect_shape), by_shape);
    size_t n = 1;
    for (size_t i = 1; i < c->n_next; i++) {
        if (by_shape(&c->next[n - 1], &c->next[i]) == 0)
            c->next[n - 1].count =
                (int32_t)min_i64((int64_t)c->next[n - 1].count + c->next[i].count, INT32_MAX);
        else
            c->next[n++] = c->next[i];
    }
    c->n_next = n;
}

static void publish(engine *e, ce *c)
{
    merge(c);
    bool same =
        c->n_next == c->n_demand &&
        (c->n_next == 0 || memcmp(c->next, c->demand, c->n_next * sizeof(effect_shape)) == 0);
    if (same && !c->use_changed)
        return;
    c->use_changed = false;
    c->n_demand = 0;
    effect_shape *copy = arena_take(&e->effects->arena, (c->n_next + 1) * sizeof(*copy));
    for (size_t i = 0; i < c->n_next; i++)
        *LIST_ADD(c, demand) = copy[i] = c->next[i];
    effect_demand *d = LIST_ADD(e->effects, demand);
    d->ce_id = c->id;
    d->shapes = copy;
    d->n_shapes = c->n_next;
}

void demand_update(engine *e)
{
    ce *c, *tmp;
    HASH_ITER(hh, e->ces, c, tmp)
    {
        begin(e, c);
    }
    for (size_t i = 0; i < e->n_by_priority; i++) {
        if (!e->by_priority[i]->known || e->by_priority[i]->deleting)
            continue;
        give_out_queue(e, e->by_priority[i]);
    }
    HASH_ITER(hh, e->ces, c, tmp)
    {
        if (c->known)
            publish(e, c);
    }
}

size_t engine_ce_demand(const engine *e, int64_t ce_id, effect_shape *out, size_t max)
{
    ce *c = NULL;
    HASH_FIND(hh, e->ces, &ce_id, sizeof(ce_id), c);
    size_t n = c ? c->n_demand : 0;
    if (n > 0 && max > 0)
        memcpy(out, c->demand, (n < max ? n : max) * sizeof(*out));
    return n;
}
