/* A round's output about jobs: events one by one, in order, and rows, once a round for each touched
 * job. Strings of effects are copied into the effects' own memory. */
#include "effects.h"

#include "arena.h"
#include "job_table.h"
#include "minmax.h"
#include "waiters.h"

static const char *text(engine *e, const char *s)
{
    return arena_text(&e->effects->arena, s);
}

int64_t effects_time(const engine *e, const job *j)
{
    int64_t at = max_i64(e->shown_ms, j->at_ms);
    return job_is_placed(j)
               ? max_i64(at, max_i64(j->placed->started_at_ms, j->placed->published_at_ms))
               : at;
}

void effects_touch(engine *e, job *j)
{
    if (j->touched)
        return;
    j->touched = 1;
    *LIST_ADD(e, touched) = j;
}

static effect_event *event(engine *e, const job *j, const ending *x)
{
    effect_event *ev = LIST_ADD(e->effects, events);
    ev->id = j->id;
    ev->queue_id = j->cls->queue->id;
    ev->idx_lo = ev->idx_hi = job_index(j);
    ev->state = (ob_job_state)j->state;
    ev->attempt = j->ended;
    ev->run = j->last_run;
    ev->at_ms = effects_time(e, j);
    ev->flags = j->flags;
    if (x) {
        if (x->on) {
            ev->instance_id = text(e, x->on->id);
            ev->cluster = text(e, x->on->ce->cluster ? x->on->ce->cluster : "");
        }
        ev->started_at_ms = x->started_at_ms;
        ev->stopped_at_ms = x->stopped_at_ms;
        ev->at_ms = max_i64(ev->at_ms, max_i64(x->stopped_at_ms, x->after_ms));
        ev->has_exit_code = x->has_exit_code;
        ev->exit_code = x->exit_code;
        ev->timed_out = x->timed_out;
        ev->container_reason = text(e, x->container_reason);
        ev->reason = text(e, x->reason);
    }
    if (job_is_placed(j) && !j->is_array) {
        ev->before_ms = j->placed->published_at_ms ? j->placed->published_at_ms : j->at_ms;
        j->placed->published_at_ms = ev->at_ms;
    }
    return ev;
}

void effects_add_event(engine *e, const job *j, const ending *x)
{
    effect_event *ev = event(e, j, x);
    if (j->is_array) {
        ev->is_parent = true;
        memcpy(ev->counts, ((const array *)(const void *)j)->counts, sizeof(ev->counts));
    }
}

void effects_add_bulk_event(engine *e, const array *a, int32_t lo, int32_t hi, const ending *x)
{
    effect_event *ev = event(e, &a->base, x);
    ev->idx_lo = lo;
    ev->idx_hi = hi;
    ev->state = a->bulk_state;
}

/* A time of an instance's clock, in order between two of ours. */
static int64_t between(int64_t from_ms, int64_t at_ms, int64_t to_ms)
{
    return at_ms == 0 ? 0 : max_i64(from_ms, min_i64(at_ms, to_ms));
}

void effects_add_attempt(engine *e, const job *j, const ending *x)
{
    effect_attempt *t = LIST_ADD(e->effects, attempts);
    t->id = j->id;
    t->queue_id = j->cls->queue->id;
    t->index = job_index(j);
    t->attempt = j->ended;
    t->run = j->last_run;
    t->instance_id = text(e, x->on->id);
    t->cluster = text(e, x->on->ce->cluster ? x->on->ce->cluster : "");
    t->has_exit_code = x->has_exit_code;
    t->exit_code = x->exit_code;
    t->container_reason = text(e, x->container_reason);
    t->reason = text(e, x->reason);
    t->runnable_at_ms = j->at_ms;
    t->placed_at_ms = j->placed->placed_at_ms;
    t->pulled_at_ms = between(t->placed_at_ms, x->pulled_at_ms, x->stopped_at_ms);
    t->created_at_ms =
        between(max_i64(t->placed_at_ms, t->pulled_at_ms), x->created_at_ms, x->stopped_at_ms);
    t->started_at_ms = x->started_at_ms;
    t->stopped_at_ms = x->stopped_at_ms;
    t->cpu_ms = x->cpu_ms;
    t->peak_bytes = x->peak_bytes;
    t->retried = x->retried;
    t->host_lost = !x->on->known || x->on->lost;
}

void effects_add_pod(engine *e, const job *j, const char *body)
{
    effect_pod *p = LIST_ADD(e->effects, pods);
    p->run = job_run_ref(j);
    p->attempt = j->ended + 1;
    p->body = text(e, body);
}

void effects_add_order(engine *e, int kind, const char *instance_id, const ob_run_ref *ref)
{
    effect_order *o = LIST_ADD(e->effects, orders);
    o->kind = kind;
    o->instance_id = text(e, instance_id);
    o->run = *ref;
    if (kind == ORDER_RUN) {
        const job *j = job_find(e, &ref->id, ref->index);
        o->attempt = j->ended + 1;
        o->queue_id = j->cls->queue->id;
    }
}

void effects_add_done(engine *e, const job *j, const ending *x)
{
    effect_done *d = LIST_ADD(e->effects, done);
    d->id = j->id;
    d->index = job_index(j);
    d->queue_id = j->cls->queue->id;
    d->state = (ob_job_state)j->state;
    d->reason = text(e, x->reason);
    d->started_at_ms = x->started_at_ms;
    d->stopped_at_ms = x->stopped_at_ms;
    d->flags = j->flags;
    if (j->is_array) {
        const array *a = (const array *)(const void *)j;
        d->is_parent = true;
        d->bulk_state = a->bulk_state;
        d->bulk_reason = text(e, a->bulk_reason);
        memcpy(d->counts, a->counts, sizeof(d->counts));
    }
    if (j->stored)
        *LIST_ADD(e->effects, live_delete) = (effect_key){ .id = j->id, .index = job_index(j) };
}

void effects_live_row(engine *e, const job *j, effect_live *l)
{
    *l = (effect_live){ 0 };
    l->id = j->id;
    l->index = job_index(j);
    l->state = (ob_job_state)j->state;
    l->run = j->last_run;
    l->attempt = j->ended;
    l->runnable_at_ms = j->state == OB_JOB_SUBMITTED ? 0 : j->at_ms;
    l->flags = j->flags;
    l->order = (int64_t)j->order;
    l->waits = waiter_mask(e, j);
    if (j->is_array) {
        const array *a = (const array *)(const void *)j;
        l->is_parent = true;
        l->stop_reason = text(e, a->stop_reason);
        l->published_at_ms = a->last_ms;
        l->bulk_state = a->bulk_state;
        l->bulk_reason = text(e, a->bulk_reason);
        memcpy(l->counts, a->counts, sizeof(l->counts));
    } else if (job_is_placed(j)) {
        l->attempt = j->ended + 1;
        l->instance_id = text(e, j->placed->on->id);
        l->ce_id = j->placed->on->ce->id;
        l->started_at_ms = j->placed->started_at_ms;
        l->published_at_ms = j->placed->published_at_ms;
        l->stop_reason = text(e, j->placed->stop_reason);
    }
}

void effects_write_rows(engine *e)
{
    for (size_t i = 0; i < e->n_touched; i++) {
        job *j = e->touched[i];
        j->touched = 0;
        if (ob_job_is_final((ob_job_state)j->state))
            continue;
        effects_live_row(e, j,
                         j->stored ? LIST_ADD(e->effects, live_update)
                                   : LIST_ADD(e->effects, live_insert));
        j->stored = 1;
    }
    e->n_touched = 0;
}

void engine_effects_clear(engine_effects *out)
{
    out->n_live_insert = out->n_live_update = out->n_live_delete = 0;
    out->n_done = out->n_attempts = out->n_pods = out->n_events = 0;
    out->n_placement_insert = out->n_placement_delete = 0;
    out->n_orders = out->n_reasons = out->n_demand = 0;
    out->n_shares = out->n_fronts = out->n_counts = out->n_usages = out->n_dependents = 0;
    arena_clear(out->arena);
}

void engine_effects_done(engine_effects *out)
{
    free(out->live_insert);
    free(out->live_update);
    free(out->live_delete);
    free(out->done);
    free(out->attempts);
    free(out->pods);
    free(out->events);
    free(out->placement_insert);
    free(out->placement_delete);
    free(out->orders);
    free(out->reasons);
    free(out->shares);
    free(out->fronts);
    free(out->counts);
    free(out->usages);
    free(out->dependents);
    free(out->demand);
    arena_free(out->arena);
    memset(out, 0, sizeof(*out));
}
