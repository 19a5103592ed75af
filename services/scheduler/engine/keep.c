/* Keeps capacity for a large job, so that smaller ones cannot pass it over for ever. A class that
 * could be served, but has been passed over for ENGINE_KEEP_AFTER_MS, becomes its queue's keeper
 * until one of its jobs is placed. Kept is a large enough instance (the one that lacks the least)
 * or, while there is none, as many instances as prevent a launch below maxvCpus, and the launch
 * itself (demand.c). Kept capacity takes only the keeper's jobs and those of queues with a higher
 * priority. So a keeper waits for the longest job on its kept capacity, and for no later job.
 *
 * Invariant: an instance with kept_for is in engine.kept and in no slot. */
#include "keep.h"

#include "arena.h"
#include "ce.h"
#include "fit.h"
#include "slots.h"

void keep_note_placement(engine *e, const class *cls, ce *c)
{
    const queue *q = cls->queue;
    if (c->placed_round != e->rounds || q->priority < c->placed_priority) {
        c->placed_round = e->rounds;
        c->placed_priority = q->priority;
        c->placed_by = q;
    } else if (q->priority == c->placed_priority && q != c->placed_by) {
        c->placed_by = NULL;
    }
}

/* Has a queue that is not served before this one placed something in one of its environments? */
static bool passed_by_others(const engine *e, const class *cls)
{
    const queue *q = cls->queue;
    for (size_t i = 0; i < q->n_ces; i++) {
        const ce *c = q->ces[i];
        if (c->placed_round == e->rounds &&
            (c->placed_priority < q->priority ||
             (c->placed_priority == q->priority && c->placed_by != q)))
            return true;
    }
    return false;
}

static bool could_ever(const engine *e, class *cls)
{
    const queue *q = cls->queue;
    fit_update(e, cls);
    for (size_t i = 0; i < q->n_ces; i++)
        if (ce_is_usable(q->ces[i]) && !ce_need_exceeds_max(q->ces[i], &cls->need) &&
            cls->fit[i].there)
            return true;
    return false;
}

static void take_instance(engine *e, instance *i, queue *q)
{
    slots_remove(i);
    i->kept_for = q;
    i->ce->use_changed = true;
    *LIST_ADD(e, kept) = i;
}

void keep_release(engine *e, instance *i)
{
    size_t n = 0;
    for (size_t k = 0; k < e->n_kept; k++)
        if (e->kept[k] != i)
            e->kept[n++] = e->kept[k];
    e->n_kept = n;
    i->kept_for = NULL;
    i->ce->use_changed = true;
    slots_insert(i);
}

instance *keep_find_room(const engine *e, const class *cls, const ce *c)
{
    const queue *q = cls->queue;
    for (size_t k = 0; k < e->n_kept; k++) {
        instance *i = e->kept[k];
        bool ours = i->kept_for == q && q->keeper == cls;
        ob_resources room = instance_room(i);
        if (i->ce == c && (ours || q->priority > i->kept_for->priority) && i->known && !i->lost &&
            i->state == OB_INSTANCE_ACTIVE && !instance_is_held(i) && ce_fits(c, &cls->need, &room))
            return i;
    }
    return NULL;
}

static void release(engine *e, const queue *q, const ce *but)
{
    for (size_t k = e->n_kept; k > 0; k--)
        if (e->kept[k - 1]->kept_for == q && (!but || e->kept[k - 1]->ce != but))
            keep_release(e, e->kept[k - 1]);
}

void keep_end(engine *e, queue *q)
{
    release(e, q, NULL);
    if (q->keeps_in)
        q->keeps_in->headroom_for = NULL;
    q->keeps_in = NULL;
    q->keeper = NULL;
}

/* ---- An instance ---- */

static bool is_there(const instance *i)
{
    return i->known && !i->lost && i->state == OB_INSTANCE_ACTIVE && !instance_is_held(i);
}

/* How much of the need is missing there, in thousandths. */
static int64_t deficit(const instance *i, const ob_resources *need)
{
    ob_resources room = instance_room(i);
    int64_t sum = 0;
    if (room.mcpu < need->mcpu)
        sum += (int64_t)(need->mcpu - room.mcpu) * 1000 / need->mcpu;
    if (room.mem_mib < need->mem_mib)
        sum += (int64_t)(need->mem_mib - room.mem_mib) * 1000 / need->mem_mib;
    if (room.gpus < need->gpus)
        sum += (int64_t)(need->gpus - room.gpus) * 1000 / need->gpus;
    return sum;
}

static bool has_instance(const engine *e, const queue *q)
{
    for (size_t k = 0; k < e->n_kept; k++) {
        const instance *i = e->kept[k];
        if (i->kept_for == q && is_there(i) && ce_is_usable(i->ce) &&
            ob_resources_fit(&q->keeper->need, &i->size))
            return true;
    }
    return false;
}

static instance *find_instance(const queue *q)
{
    const ob_resources *need = &q->keeper->need;
    instance *best = NULL;
    for (size_t n = 0; n < q->n_ces && !best; n++) {
        const ce *c = q->ces[n];
        if (!ce_is_usable(c) || c->exact || ce_need_exceeds_max(c, need))
            continue;
        for (instance *i = c->instances; i; i = i->inext) {
            if (!is_there(i) || (i->kept_for && i->kept_for != q) ||
                !ob_resources_fit(need, &i->size))
                continue;
            int64_t less = best ? deficit(i, need) - deficit(best, need) : -1;
            if (less < 0 || (less == 0 && strcmp(i->id, best->id) < 0))
                best = i;
        }
    }
    return best;
}

/* ---- A launch ---- */

static instance *fewest_runs(const ce *c)
{
    instance *best = NULL;
    for (instance *i = c->instances; i; i = i->inext)
        if (is_there(i) && !i->kept_for &&
            (!best || i->n_runs < best->n_runs ||
             (i->n_runs == best->n_runs && strcmp(i->id, best->id) < 0)))
            best = i;
    return best;
}

static int64_t counts(const instance *i)
{
    return i->ce->exact ? i->size.mcpu : (int64_t)i->vcpus * 1000;
}

/* Keeps the instances that must end before the launch is below maxvCpus. */
static void keep_launch(engine *e, queue *q, ce *c, int32_t least_mcpu)
{
    int64_t excess = ce_excess_mcpu(c, least_mcpu);
    for (size_t k = 0; k < e->n_kept; k++)
        if (e->kept[k]->kept_for == q)
            excess -= counts(e->kept[k]);
    for (const instance *i = c->instances; i; i = i->inext)
        if (i->known && !i->lost && i->state == OB_INSTANCE_DRAINING)
            excess -= counts(i);
    for (instance *i; excess > 0 && (i = fewest_runs(c));) {
        take_instance(e, i, q);
        excess -= counts(i);
    }
    q->keeps_in = c;
    c->headroom_for = q;
}

static ce *launches_in(const engine *e, const queue *q, int32_t *ret_least_mcpu)
{
    fit_update(e, q->keeper);
    for (size_t n = 0; n < q->n_ces; n++) {
        ce *c = q->ces[n];
        if (!ce_is_usable(c) || !q->keeper->fit[n].launch ||
            ce_need_exceeds_max(c, &q->keeper->need) || q->keeper->fit[n].shortage ||
            (c->headroom_for && c->headroom_for != q))
            continue;
        *ret_least_mcpu = q->keeper->fit[n].least_mcpu;
        return c;
    }
    return NULL;
}

/* ---- A round ---- */

static void keep(engine *e, queue *q)
{
    int32_t least_mcpu = 0;
    if (!q->keeper->waiting || (!q->keeper->capped && !could_ever(e, q->keeper))) {
        keep_end(e, q);
        return;
    }
    if (q->keeper->capped) { /* no other of its queue is placed until the cap allows it */
        release(e, q, NULL);
        return;
    }
    if (!q->keeps_in && has_instance(e, q))
        return;
    if (q->keeps_in)
        q->keeps_in->headroom_for = NULL;
    q->keeps_in = NULL;
    ce *c = launches_in(e, q, &least_mcpu);
    release(e, q, c);
    instance *on = find_instance(q);
    if (on || !c)
        release(e, q, NULL);
    if (on)
        take_instance(e, on, q);
    else if (c)
        keep_launch(e, q, c, least_mcpu);
}

void keep_update(engine *e)
{
    for (size_t i = 0; i < e->n_failed; i++) {
        class *cls = e->failed[i];
        queue *q = cls->queue;
        if (!cls->passed_ms && passed_by_others(e, cls))
            cls->passed_ms = e->now_ms;
        if (!cls->passed_ms || q->keeper || cls->coming || !could_ever(e, cls))
            continue;
        if (cls->passed_ms > e->now_ms) /* a clock set back */
            cls->passed_ms = e->now_ms;
        if (e->now_ms - cls->passed_ms >= ENGINE_KEEP_AFTER_MS)
            q->keeper = cls;
        else
            round_due_at(e, cls->passed_ms + ENGINE_KEEP_AFTER_MS);
    }
    for (size_t i = 0; i < e->n_by_priority; i++)
        if (e->by_priority[i]->keeper)
            keep(e, e->by_priority[i]);
}
