/* Takes back a round's placements on instances that ended before it was committed. No other process
 * has seen these runs, so their numbers are used again. Rows of the affected jobs and parents are
 * replaced in the effects; orders and events of the placements are removed. The cost is a look at
 * each effect of the round, not at waiting jobs. */
#include "engine.h"

#include "class.h"
#include "counts.h"
#include "effects.h"
#include "instance.h"
#include "job_table.h"
#include "model.h"
#include "moves.h"
#include "queue.h"
#include "queue_usage.h"

static bool is_gone(engine *e, const char *instance_id)
{
    const instance *on = instance_find(e, instance_id);
    return !on || !on->known || on->lost || on->state != OB_INSTANCE_ACTIVE;
}

/* The job of a run that was placed in the round, while it is placed. */
static job *placed(const engine *e, const ob_run_ref *ref)
{
    job *j = job_find(e, &ref->id, ref->index);
    return j && !j->is_array && j->state == OB_JOB_STARTING && j->last_run == ref->run ? j : NULL;
}

/* Moves it back. A child of an array stays out of the bulk: it does not differ from its siblings,
 * but that is allowed. */
static void unplace(engine *e, job *j)
{
    run_remove(e, j->placed);
    (void)move_job(e, j, OB_EV_UNPLACE);
    j->last_run--;
    class_insert(e, j);
}

/* Was the placement of this run taken back? Such a job is RUNNABLE, with the previous number. */
static bool taken_back(const engine *e, const ob_run_ref *ref)
{
    const job *j = job_find(e, &ref->id, ref->index);
    return j && j->touched && j->state == OB_JOB_RUNNABLE && j->last_run + 1 == ref->run;
}

static void drop_placements(const engine *e, engine_effects *effects)
{
    size_t n = 0;
    for (size_t i = 0; i < effects->n_placement_insert; i++)
        if (!taken_back(e, &effects->placement_insert[i].run))
            effects->placement_insert[n++] = effects->placement_insert[i];
    effects->n_placement_insert = n;
    n = 0;
    for (size_t i = 0; i < effects->n_orders; i++)
        if (effects->orders[i].kind != ORDER_RUN || !taken_back(e, &effects->orders[i].run))
            effects->orders[n++] = effects->orders[i];
    effects->n_orders = n;
    n = 0;
    for (size_t i = 0; i < effects->n_events; i++) {
        const effect_event *ev = &effects->events[i];
        ob_run_ref ref = { .id = ev->id, .index = ev->idx_lo, .run = ev->run };
        if (ev->state != OB_JOB_STARTING || !taken_back(e, &ref))
            effects->events[n++] = *ev;
    }
    effects->n_events = n;
}

static void write_again(engine *e, effect_live *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const job *j = job_find(e, &rows[i].id, rows[i].index);
        if (j && j->touched)
            effects_live_row(e, j, &rows[i]);
    }
}

/* What has ended since the point before stays as it is: nothing of that is taken back. */
static void usages_write_again(engine *e, effect_usage *usages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        effect_usage *u = &usages[i];
        queue *q = queue_get(e, u->queue_id);
        int32_t succeeded = u->succeeded, failed = u->failed;
        queue_usage_fill(q, u);
        u->succeeded = succeeded;
        u->failed = failed;
        q->usage = *u;
    }
}

size_t engine_withdraw(engine *e, engine_effects *out)
{
    size_t n = 0;
    e->effects = out;
    for (size_t i = 0; i < out->n_placement_insert; i++) {
        const effect_placement *p = &out->placement_insert[i];
        job *j = is_gone(e, p->instance_id) ? placed(e, &p->run) : NULL;
        if (!j)
            continue;
        unplace(e, j);
        n++;
    }
    if (n > 0) {
        drop_placements(e, out);
        write_again(e, out->live_insert, out->n_live_insert);
        write_again(e, out->live_update, out->n_live_update);
        counts_write_again(e, out);
        usages_write_again(e, out->usages, out->n_usages);
        for (size_t i = 0; i < e->n_touched; i++)
            e->touched[i]->touched = 0;
        e->n_touched = 0;
        e->dirty = true;
    }
    e->effects = NULL;
    return n;
}
