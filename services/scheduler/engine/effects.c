/* Moves of jobs and what they tell: one door for every change of state, events one by one, rows
 * once a round. Strings of effects are copied into the effects' own memory. */
#include "internal.h"

static const char *text(engine *e, const char *s)
{
    return eng_text(&e->fx->text, s);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t eng_at(const engine *e, const job *j)
{
    int64_t at = later(e->shown_ms, j->at_ms);
    return eng_placed(j) ? later(at, later(j->placed->started_at_ms, j->placed->told_at_ms)) : at;
}

void eng_touch(engine *e, job *j)
{
    if (j->touched)
        return;
    j->touched = 1;
    *LIST_ADD(e, touched) = j;
}

bool eng_move(engine *e, job *j, ob_job_event ev)
{
    int to = ob_job_next((ob_job_state)j->state, ev);
    if (to < 0) {
        e->ignored++;
        return false;
    }
    if (j->index != NO_INDEX) {
        array *a = eng_as_child(j)->parent;
        a->counts[j->state]--;
        a->counts[to]++;
        eng_touch(e, &a->base);
    }
    j->state = (uint8_t)to & 7;
    eng_touch(e, j);
    return true;
}

static effect_event *event(engine *e, const job *j, const ending *x)
{
    effect_event *ev = LIST_ADD(e->fx, events);
    ev->id = j->id;
    ev->idx_lo = ev->idx_hi = eng_index(j);
    ev->state = (ob_job_state)j->state;
    ev->attempt = j->ended;
    ev->run = j->last_run;
    ev->at_ms = eng_at(e, j);
    ev->flags = j->flags;
    if (x) {
        if (x->on) {
            ev->instance_id = text(e, x->on->id);
            ev->cluster = text(e, x->on->ce->cluster ? x->on->ce->cluster : "");
        }
        ev->started_at_ms = x->started_at_ms;
        ev->stopped_at_ms = x->stopped_at_ms;
        ev->at_ms = later(ev->at_ms, later(x->stopped_at_ms, x->after_ms));
        ev->has_exit_code = x->has_exit_code;
        ev->exit_code = x->exit_code;
        ev->container_reason = text(e, x->container_reason);
        ev->reason = text(e, x->reason);
    }
    if (eng_placed(j) && !j->is_array)
        j->placed->told_at_ms = ev->at_ms;
    return ev;
}

void eng_event(engine *e, const job *j, const ending *x)
{
    effect_event *ev = event(e, j, x);
    if (j->is_array) {
        ev->is_parent = true;
        memcpy(ev->counts, ((const array *)(const void *)j)->counts, sizeof(ev->counts));
    }
}

void eng_event_range(engine *e, const array *a, int32_t lo, int32_t hi, const ending *x)
{
    effect_event *ev = event(e, &a->base, x);
    ev->idx_lo = lo;
    ev->idx_hi = hi;
    ev->state = a->bulk_state;
}

void eng_attempt(engine *e, const job *j, const ending *x)
{
    effect_attempt *t = LIST_ADD(e->fx, attempts);
    t->id = j->id;
    t->index = eng_index(j);
    t->attempt = j->ended;
    t->run = j->last_run;
    t->instance_id = text(e, x->on->id);
    t->cluster = text(e, x->on->ce->cluster ? x->on->ce->cluster : "");
    t->has_exit_code = x->has_exit_code;
    t->exit_code = x->exit_code;
    t->container_reason = text(e, x->container_reason);
    t->reason = text(e, x->reason);
    t->started_at_ms = x->started_at_ms;
    t->stopped_at_ms = x->stopped_at_ms;
}

void eng_order(engine *e, int kind, const char *instance_id, const ob_run_ref *ref)
{
    effect_order *o = LIST_ADD(e->fx, orders);
    o->kind = kind;
    o->instance_id = text(e, instance_id);
    o->run = *ref;
    if (kind == ORDER_RUN) {
        const job *j = eng_find(e, &ref->id, ref->index);
        o->attempt = j->ended + 1;
        o->queue_id = j->cls->queue->id;
    }
}

static void done_row(engine *e, const job *j, const ending *x)
{
    effect_done *d = LIST_ADD(e->fx, done);
    d->id = j->id;
    d->index = eng_index(j);
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
}

void eng_end(engine *e, job *j, ob_job_event ev, ending *x)
{
    if (!eng_move(e, j, ev))
        return;
    if (x->stopped_at_ms == 0)
        x->stopped_at_ms = later(e->shown_ms, j->at_ms);
    done_row(e, j, x);
    if (j->stored) {
        effect_key *k = LIST_ADD(e->fx, live_delete);
        k->id = j->id;
        k->index = eng_index(j);
    }
    eng_event(e, j, x);
    eng_ended(e, j);
    eng_forget(e, j);
    if (j->index != NO_INDEX) {
        array *a = eng_as_child(j)->parent;
        if (j->state == OB_JOB_FAILED)
            eng_child_failed(a, j->index);
        a->last_ms = later(a->last_ms, x->stopped_at_ms);
        eng_array_check(e, a);
    }
}

void eng_live_row(engine *e, const job *j, effect_live *l)
{
    *l = (effect_live){ 0 };
    l->id = j->id;
    l->index = eng_index(j);
    l->state = (ob_job_state)j->state;
    l->run = j->last_run;
    l->attempt = j->ended;
    l->runnable_at_ms = j->state == OB_JOB_SUBMITTED ? 0 : j->at_ms;
    l->flags = j->flags;
    l->order = (int64_t)j->order;
    l->waits = eng_waits(e, j);
    if (j->is_array) {
        const array *a = (const array *)(const void *)j;
        l->is_parent = true;
        l->stop_reason = text(e, a->stop_reason);
        l->told_at_ms = a->last_ms;
        l->bulk_state = a->bulk_state;
        l->bulk_reason = text(e, a->bulk_reason);
        memcpy(l->counts, a->counts, sizeof(l->counts));
    } else if (eng_placed(j)) {
        l->attempt = j->ended + 1;
        l->instance_id = text(e, j->placed->on->id);
        l->ce_id = j->placed->on->ce->id;
        l->started_at_ms = j->placed->started_at_ms;
        l->told_at_ms = j->placed->told_at_ms;
        l->stop_reason = text(e, j->placed->stop_reason);
    }
}

void eng_flush(engine *e)
{
    for (size_t i = 0; i < e->n_touched; i++) {
        job *j = e->touched[i];
        j->touched = 0;
        if (ob_job_is_final((ob_job_state)j->state))
            continue;
        eng_live_row(e, j, j->stored ? LIST_ADD(e->fx, live_update) : LIST_ADD(e->fx, live_insert));
        j->stored = 1;
    }
    e->n_touched = 0;
}

void engine_effects_clear(engine_effects *out)
{
    out->n_live_insert = out->n_live_update = out->n_live_delete = 0;
    out->n_done = out->n_attempts = out->n_events = 0;
    out->n_placement_insert = out->n_placement_delete = 0;
    out->n_orders = out->n_reasons = out->n_demand = 0;
    out->n_shares = out->n_fronts = 0;
    eng_text_clear(out->text);
}

void engine_effects_done(engine_effects *out)
{
    free(out->live_insert);
    free(out->live_update);
    free(out->live_delete);
    free(out->done);
    free(out->attempts);
    free(out->events);
    free(out->placement_insert);
    free(out->placement_delete);
    free(out->orders);
    free(out->reasons);
    free(out->shares);
    free(out->fronts);
    free(out->demand);
    eng_text_free(out->text);
    memset(out, 0, sizeof(*out));
}
