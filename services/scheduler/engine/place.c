/* Placement: queues by priority, in a queue the classes by their line, environments in the queue's
 * order, the instance with the least room left. A class that fits nowhere is passed over for this
 * round, so that it does not hold up those behind it; for how long: keep.c. Costs by classes and by
 * what is placed. Also: what of a class fits where. */
#include "internal.h"

/* Does the queue's reservation for shares that are not active yet leave it that much? One job is
 * always allowed. */
static bool within_cap(const queue *q, const class *cls)
{
    return q->mcpu == 0 || q->mcpu + cls->need.mcpu <= q->cap_mcpu;
}

static instance *choose(const engine *e, class *cls)
{
    const queue *q = cls->queue;
    cls->capped = !within_cap(q, cls);
    if (cls->capped || (q->keeper && q->keeper != cls && q->keeper->capped))
        return NULL;
    for (size_t i = 0; i < q->n_ces; i++) {
        instance *on = eng_usable(q->ces[i]) ? eng_best_fit(q->ces[i], &cls->need) : NULL;
        if (on)
            return on;
    }
    for (size_t i = 0; i < q->n_ces && e->n_kept > 0; i++) {
        instance *on = eng_usable(q->ces[i]) ? eng_kept_room(e, cls, q->ces[i]) : NULL;
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
    eng_tried(e, on);
    cls->passed_ms = 0;
    eng_passed(e, cls, on->ce);
    if (cls->queue->keeper == cls)
        eng_keep_end(e, cls->queue);
}

static void place_queue(engine *e, queue *q)
{
    size_t from = e->n_failed, passed = from;
    class *cls;
    eng_line(e, q);
    while ((cls = eng_line_first(e))) {
        instance *on = choose(e, cls);
        if (on) {
            passed = e->n_failed;
            place(e, cls, on);
            eng_line_served(e, cls->waiting);
        } else {
            *LIST_ADD(e, failed) = cls;
            eng_line_skip(e);
        }
    }
    for (size_t i = from; i < passed; i++)
        if (!e->failed[i]->passed_ms)
            e->failed[i]->passed_ms = e->now_ms;
}

void eng_place(engine *e)
{
    eng_queues_sort(e);
    e->n_failed = 0;
    for (size_t i = 0; i < e->n_by_priority; i++) {
        queue *q = e->by_priority[i];
        if (q->known && !q->deleting)
            place_queue(e, q);
    }
}

int64_t eng_units(const ce *c, const ob_resources *need, const ob_resources *room)
{
    if (!eng_fits(c, need, room))
        return 0;
    if (c->exact)
        return 1;
    int64_t n = INT32_MAX;
    if (need->mcpu > 0 && room->mcpu / need->mcpu < n)
        n = room->mcpu / need->mcpu;
    if (need->mem_mib > 0 && room->mem_mib / need->mem_mib < n)
        n = room->mem_mib / need->mem_mib;
    if (need->gpus > 0 && room->gpus / need->gpus < n)
        n = room->gpus / need->gpus;
    return n;
}

/* Takes up the shapes that are within maxvCpus, or those that exceed them. */
static void fit_shapes(const ce *c, const ob_resources *need, bool exceed, class_fit *fit)
{
    for (size_t s = 0; s < c->n_shapes; s++) {
        int32_t mcpu = c->shapes[s].mcpu;
        int64_t units = eng_units(c, need, &c->shapes[s]);
        if (units == 0 || eng_exceeds(c, mcpu) != exceed)
            continue;
        int64_t each = (mcpu + units - 1) / units;
        fit->launch = true;
        fit->cost_mcpu = each < fit->cost_mcpu ? (int32_t)each : fit->cost_mcpu;
        fit->cost_mcpu = fit->cost_mcpu > 0 ? fit->cost_mcpu : 1;
        fit->least_mcpu = mcpu < fit->least_mcpu ? mcpu : fit->least_mcpu;
    }
}

void eng_fit(const engine *e, class *cls)
{
    if (cls->fit_topology == e->topology)
        return;
    cls->fit_topology = e->topology;
    for (size_t i = 0; i < cls->queue->n_ces; i++) {
        const ce *c = cls->queue->ces[i];
        class_fit *fit = &cls->fit[i];
        *fit = (class_fit){ .cost_mcpu = INT32_MAX,
                            .least_mcpu = INT32_MAX,
                            .lacking = eng_lacking(c, &cls->need) };
        fit_shapes(c, &cls->need, false, fit);
        if (!fit->launch)
            fit_shapes(c, &cls->need, true, fit);
        fit->there = fit->launch;
        for (const instance *on = c->instances; on && !fit->there; on = on->inext)
            fit->there =
                on->known && on->state <= OB_INSTANCE_ACTIVE && eng_fits(c, &cls->need, &on->size);
    }
}
