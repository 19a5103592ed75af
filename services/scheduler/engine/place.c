/* Placement: queues by priority, in a queue the class whose head is oldest, environments in the
 * queue's order, the instance with the least room left. A class that fits nowhere is passed over
 * for this round. Costs by classes and by what is placed. Also: what of a class fits where. */
#include "internal.h"

static bool older(const class *a, const class *b)
{
    const job *x = a->waiting, *y = b->waiting;
    return x->order != y->order ? x->order < y->order : ob_uuid_cmp(&x->id, &y->id) < 0;
}

static int oldest_first(const void *a, const void *b)
{
    const class *x = *(class *const *)a, *y = *(class *const *)b;
    return older(x, y) ? -1 : older(y, x) ? 1 : 0;
}

void eng_work(engine *e, queue *q)
{
    e->n_work = 0;
    class *cls, *tmp;
    HASH_ITER(hh, q->classes, cls, tmp)
    {
        if (cls->waiting)
            *LIST_ADD(e, work) = cls;
    }
    if (e->n_work > 1)
        qsort(e->work, e->n_work, sizeof(class *), oldest_first);
}

static instance *choose(const class *cls)
{
    const queue *q = cls->queue;
    for (size_t i = 0; i < q->n_ces; i++) {
        instance *on = eng_usable(q->ces[i]) ? eng_best_fit(q->ces[i], &cls->need) : NULL;
        if (on)
            return on;
    }
    return NULL;
}

static void place(engine *e, class *cls, instance *on)
{
    job *j = cls->waiting;
    if (j->is_array)
        j = &eng_next_child(e, eng_as_array(j))->base;
    else
        eng_class_remove(e, j);
    j->last_run++;
    eng_run_add(e, j, on);
    eng_move(e, j, OB_EV_PLACE);
    eng_event(e, j, &(ending){ .on = on });
    ob_run_ref ref = eng_run_ref(j);
    effect_placement *p = LIST_ADD(e->fx, placement_insert);
    p->instance_id = eng_text(&e->fx->text, on->id);
    p->run = ref;
    eng_order(e, ORDER_RUN, on->id, &ref);
}

/* The first class of 'work' has a new head: moves it behind the older ones. */
static void resort(class **work, size_t n)
{
    class *first = work[0];
    size_t lo = 1, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (older(work[mid], first))
            lo = mid + 1;
        else
            hi = mid;
    }
    memmove(work, work + 1, (lo - 1) * sizeof(*work));
    work[lo - 1] = first;
}

void eng_place(engine *e)
{
    eng_queues_sort(e);
    for (size_t i = 0; i < e->n_by_priority; i++) {
        queue *q = e->by_priority[i];
        if (!q->known || q->deleting)
            continue;
        eng_work(e, q);
        class **work = e->work;
        size_t n = e->n_work;
        while (n > 0) {
            instance *on = choose(work[0]);
            if (on)
                place(e, work[0], on);
            if (on && work[0]->waiting) {
                resort(work, n);
            } else {
                work++;
                n--;
            }
        }
    }
}

int64_t eng_units(const ob_resources *need, const ob_resources *room)
{
    if (!ob_resources_fit(need, room))
        return 0;
    int64_t n = INT32_MAX;
    if (need->mcpu > 0 && room->mcpu / need->mcpu < n)
        n = room->mcpu / need->mcpu;
    if (need->mem_mib > 0 && room->mem_mib / need->mem_mib < n)
        n = room->mem_mib / need->mem_mib;
    if (need->gpus > 0 && room->gpus / need->gpus < n)
        n = room->gpus / need->gpus;
    return n;
}

void eng_fit(const engine *e, class *cls)
{
    if (cls->fit_topology == e->topology)
        return;
    cls->fit_topology = e->topology;
    for (size_t i = 0; i < cls->queue->n_ces; i++) {
        const ce *c = cls->queue->ces[i];
        bool launch = false, there = false;
        int64_t cost = INT32_MAX;
        int32_t least = INT32_MAX;
        for (size_t s = 0; s < c->n_shapes; s++) {
            int64_t units = eng_units(&cls->need, &c->shapes[s]);
            if (units == 0)
                continue;
            launch = true;
            int64_t each = (c->shapes[s].mcpu + units - 1) / units;
            cost = each < cost ? each : cost;
            least = c->shapes[s].mcpu < least ? c->shapes[s].mcpu : least;
        }
        for (const instance *on = launch ? NULL : c->instances; on && !there; on = on->inext)
            there = on->known && on->state <= OB_INSTANCE_ACTIVE &&
                    ob_resources_fit(&cls->need, &on->size);
        cls->fit[i].launch = launch;
        cls->fit[i].there = launch || there;
        cls->fit[i].least_mcpu = least;
        cls->fit[i].cost_mcpu = cost > 0 ? (int32_t)cost : 1;
    }
}
