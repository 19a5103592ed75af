/* Placement: queues by priority, the classes of a queue by its line, environments in the queue's
 * order, the instance with the least free capacity. A class that fits nowhere is passed over in
 * this round, so that it does not block later ones; keep.c limits for how long. The cost depends on
 * the number of classes and placements. */
#include "place.h"

#include "arena.h"
#include "array.h"
#include "ce.h"
#include "class.h"
#include "effects.h"
#include "hold.h"
#include "instance.h"
#include "keep.h"
#include "line.h"
#include "moves.h"
#include "queue.h"
#include "slots.h"

/* Does the queue's reservation for inactive shares allow it that much? One job is always
 * allowed. */
static bool within_cap(const queue *q, const class *cls)
{
    return q->mcpu == 0 || q->mcpu + cls->need.mcpu <= q->cap_mcpu;
}

/* Does the environment take new runs, and is one of this class below its maximum, beside what is
 * kept for others? */
static bool takes(const engine *e, const class *cls, const ce *c)
{
    const queue *q = cls->queue;
    int64_t kept_mcpu = 0;
    if (!ce_is_usable(c))
        return false;
    for (size_t k = 0; k < e->n_kept && c->unmanaged; k++) {
        const queue *of = e->kept[k]->kept_for;
        if (e->kept[k]->ce == c && of->keeper != cls && of->priority >= q->priority)
            kept_mcpu += of->keeper->need.mcpu;
    }
    return ce_may_use(c, kept_mcpu + cls->need.mcpu);
}

static instance *choose(const engine *e, class *cls)
{
    const queue *q = cls->queue;
    cls->capped = !within_cap(q, cls);
    if (cls->capped || (q->keeper && q->keeper != cls && q->keeper->capped))
        return NULL;
    for (size_t i = 0; i < q->n_ces; i++) {
        instance *on = takes(e, cls, q->ces[i]) ? slots_best_fit(q->ces[i], &cls->need) : NULL;
        if (on)
            return on;
    }
    for (size_t i = 0; i < q->n_ces && e->n_kept > 0; i++) {
        instance *on = takes(e, cls, q->ces[i]) ? keep_find_room(e, cls, q->ces[i]) : NULL;
        if (on)
            return on;
    }
    return NULL;
}

static void place(engine *e, class *cls, instance *on)
{
    job *j = cls->waiting;
    if (j->is_array)
        j = &array_take_next(e, job_as_array(j))->base;
    else
        class_remove(e, j);
    j->last_run++;
    run_add(e, j, on);
    move_job(e, j, OB_EV_PLACE);
    effects_add_event(e, j, &(ending){ .on = on });
    j->placed->placed_at_ms = j->placed->published_at_ms;
    ob_run_ref ref = job_run_ref(j);
    effect_placement *p = LIST_ADD(e->effects, placement_insert);
    p->instance_id = arena_text(&e->effects->arena, on->id);
    p->run = ref;
    p->placed_at_ms = j->placed->placed_at_ms;
    effects_add_order(e, ORDER_RUN, on->id, &ref);
    hold_begin_trial(e, on);
    cls->passed_ms = 0;
    keep_note_placement(e, cls, on->ce);
    if (cls->queue->keeper == cls)
        keep_end(e, cls->queue);
}

static void place_queue(engine *e, queue *q)
{
    size_t from = e->n_failed, passed = from;
    class *cls;
    line_start(e, q);
    while ((cls = line_first(e))) {
        instance *on = choose(e, cls);
        if (on) {
            passed = e->n_failed;
            place(e, cls, on);
            line_serve(e, cls->waiting);
        } else {
            *LIST_ADD(e, failed) = cls;
            line_skip(e);
        }
    }
    for (size_t i = from; i < passed; i++)
        if (!e->failed[i]->passed_ms)
            e->failed[i]->passed_ms = e->now_ms;
}

void place_jobs(engine *e)
{
    queues_sort(e);
    e->n_failed = 0;
    for (size_t i = 0; i < e->n_by_priority; i++) {
        queue *q = e->by_priority[i];
        if (q->known && !q->deleting)
            place_queue(e, q);
    }
}
