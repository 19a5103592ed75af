/* See random_history.h. */
#include "random_history.h"

#include <stdio.h>
#include <stdlib.h>

#include "ob/error.h"

unsigned history_below(void *arg, unsigned n)
{
    history *h = arg;
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (unsigned)((h->random >> 11) % n);
}

bool history_chance(history *h, unsigned percent)
{
    return history_below(h, 100) < percent;
}

/* ---- Topology ---- */

/* Some of what jobs ask for. */
#define LACKINGS 4
static const engine_shortage lackings[LACKINGS] = {
    { { 1000, 500, 0 }, "InsufficientInstanceCapacity: none" },
    { { 2000, 1000, 0 }, "InsufficientInstanceCapacity: none" },
    { { 1000, 1000, 0 }, "SpotMaxPriceTooLow: all" },
    { { 3000, 1500, 1 }, "SpotMaxPriceTooLow: all" },
};

static void put_ce(history *h, int i)
{
    engine_put_ce(h->w.e, &h->ces[i]);
}

void history_change_ce(history *h, int i)
{
    engine_ce *c = &h->ces[i];
    c->enabled = h->healed || history_chance(h, 80);
    c->valid = h->healed || history_chance(h, 85);
    c->max_vcpus = (int32_t)(h->healed ? 1000 : history_below(h, 20));
    c->n_shapes = history_below(h, 3);
    c->shortages = lackings;
    c->n_shortages = history_below(h, LACKINGS + 1);
    put_ce(h, i);
}

static void put_queue(history *h, int i)
{
    engine_put_queue(h->w.e, &h->queues[i]);
    h->queue_known[i] = true;
}

void history_change_queue(history *h, int i)
{
    engine_queue *q = &h->queues[i];
    q->priority = (int32_t)history_below(h, 3);
    q->n_ces = h->healed ? CES : history_below(h, CES + 1);
    int64_t first = (int64_t)history_below(h, CES);
    for (int64_t c = 0; c < CES; c++)
        q->ces[c] = 1 + (first + c) % CES;
    put_queue(h, i);
}

void history_put_place(history *h, const place *p)
{
    if (p->known)
        engine_put_instance(h->w.e, &(engine_instance){ .id = p->x.id,
                                                        .ce_id = p->ce,
                                                        .size = p->size,
                                                        .vcpus = p->size.mcpu / 1000,
                                                        .state = p->state });
    if (p->known)
        engine_unwell(h->w.e, p->x.id, p->unwell ? "its engine is away" : NULL);
}

void history_set_unwell(history *h, place *p, bool unwell)
{
    p->unwell = unwell;
    history_put_place(h, p);
}

place *history_add_place(history *h, int64_t ce, ob_resources size)
{
    if (h->n_places >= INSTANCES + (size_t)h->healed)
        return NULL;
    place *p = &h->places[h->n_places++];
    *p = (place){ .used = true, .known = true, .ce = ce, .size = size };
    (void)snprintf(p->x.id, sizeof(p->x.id), "i-%zu", h->n_places);
    history_put_place(h, p);
    return p;
}

static void change_place(history *h, place *p)
{
    if (!p->known)
        return;
    unsigned dice = history_below(h, 10);
    if (p->state == OB_INSTANCE_LAUNCHING)
        p->state = dice < 8 ? OB_INSTANCE_ACTIVE : OB_INSTANCE_LOST;
    else if (p->state == OB_INSTANCE_ACTIVE)
        p->state = dice < 2 ? OB_INSTANCE_LOST : dice < 4 ? OB_INSTANCE_DRAINING : p->state;
    else if (p->state == OB_INSTANCE_DRAINING)
        p->state = dice < 3 ? OB_INSTANCE_LOST : p->state;
    else if (dice < 5)
        p->known = false;
    if (p->known && dice == 9 && p->state != OB_INSTANCE_LAUNCHING)
        p->known = false; /* terminated, with runs on it or not */
    if (p->known)
        history_put_place(h, p);
    else
        engine_drop_instance(h->w.e, p->x.id);
}

/* ---- Inputs ---- */

/* As the inbox is read: of what a submission names and the database says has ended, it tells. */
static void feed_submission(history *h, const pending *row)
{
    engine_submission s = row->submission;
    engine_dependency deps[3];
    for (size_t i = 0; i < s.n_deps; i++) {
        deps[i] = row->deps[i];
        engine_db_ended(h->w.db, &deps[i]);
    }
    s.deps = deps;
    engine_submit(h->w.e, &s);
    for (size_t i = 0; i < s.n_deps; i++)
        free((void *)deps[i].failed);
}

static void feed(history *h, const pending *row)
{
    if (row->kind == ROW_SUBMIT)
        feed_submission(h, row);
    else
        engine_stop(h->w.e, &row->job, row->terminate, row->terminate ? "terminated" : "cancelled");
}

static void add_row(history *h, pending row)
{
    if (h->n_rows == INPUTS)
        return;
    h->rows[h->n_rows++] = row;
    feed(h, &row);
}

static ob_resources random_need(history *h)
{
    return (ob_resources){ .mcpu = (int32_t)(1 + history_below(h, 4)) *
                                   (history_chance(h, 20) ? 250 : 1000),
                           .mem_mib = (int32_t)(1 + history_below(h, 3)) * 500,
                           .gpus = history_chance(h, 10) };
}

static engine_terms random_terms(history *h)
{
    static const char *const rules[] = {
        NULL,
        "[{\"action\": \"RETRY\", \"onStatusReason\": \"Host EC2*\"},"
        " {\"action\": \"EXIT\", \"onReason\": \"*\"}]",
        "[{\"action\": \"exit\", \"onExitCode\": \"1\"}]",
    };
    return (engine_terms){ .attempts =
                               history_chance(h, 50) ? 1 : (int32_t)(1 + history_below(h, 5)),
                           .timeout_s = history_chance(h, 15) ? (int32_t)history_below(h, 30) : 0,
                           .on_exit = rules[history_below(h, 3)],
                           .kind = history_below(h, 4) };
}

/* On jobs accepted before, ended or not, and within an array. */
static size_t random_dependencies(history *h, engine_submission *s, engine_dependency *deps)
{
    size_t n = 0;
    for (size_t i = history_below(h, 3); i > 0 && h->n_jobs > 0; i--) {
        size_t back = history_below(h, (unsigned)(h->n_jobs < 8 ? h->n_jobs : 8));
        size_t j = h->n_jobs - 1 - back;
        engine_dependency *d = &deps[n++];
        *d = (engine_dependency){ .id = h->jobs[j], .index = -1 };
        if (h->sizes[j] > 0 && history_chance(h, 60)) {
            d->type = OB_DEP_N_TO_N;
            s->array_size = h->sizes[j];
            for (size_t k = 0; k + 1 < n; k++) /* all of one size */
                if (deps[k].type == OB_DEP_N_TO_N && h->sizes[h->n_jobs - 1 - back] > 0)
                    deps[k].type = OB_DEP_PLAIN;
        } else if (h->sizes[j] > 0 && history_chance(h, 50)) {
            d->index = (int32_t)history_below(h, (unsigned)h->sizes[j]);
        }
    }
    if (s->array_size > 0 && s->array_size <= 10 &&
        history_chance(h, 30)) /* a chain takes its time */
        deps[n++] = (engine_dependency){ .id = s->id, .index = -1, .type = OB_DEP_SEQUENTIAL };
    return n;
}

static void submit(history *h)
{
    if (h->n_jobs == JOBS || h->n_rows == INPUTS)
        return;
    int32_t size = history_chance(h, 70)
                       ? 0
                       : (int32_t)(2 + history_below(h, history_chance(h, 20) ? 150 : 8));
    pending row = { .kind = ROW_SUBMIT,
                    .submission = { .id = world_id(h->w.next_id++),
                                    .queue_id = 1 + history_below(h, QUEUES),
                                    .array_size = size,
                                    .need = random_need(h),
                                    .terms = random_terms(h),
                                    .created_at_ms = h->w.now_ms - history_below(h, 3000) } };
    if (history_chance(h, 60))
        row.submission.n_deps = random_dependencies(h, &row.submission, row.deps);
    row.submission.deps = row.deps;
    h->jobs[h->n_jobs] = row.submission.id;
    h->limited[h->n_jobs] = row.submission.terms.timeout_s > 0;
    h->sizes[h->n_jobs++] = row.submission.array_size;
    engine_db_accept(h->w.db, &row.submission);
    add_row(h, row);
    if (history_chance(h, 5))
        feed(h, &row); /* twice */
}

static void stop(history *h)
{
    if (h->n_jobs == 0)
        return;
    size_t j = history_below(h, (unsigned)h->n_jobs);
    int32_t index = -1;
    if (h->sizes[j] > 0 && history_chance(h, 70))
        index = (int32_t)history_below(h, (unsigned)h->sizes[j]);
    add_row(h, (pending){ .kind = ROW_STOP,
                          .job = { .id = h->jobs[j], .index = index },
                          .terminate = history_chance(h, 50) });
}

void history_deliver(history *h)
{
    for (size_t i = 0; i < h->n_places; i++) {
        model_message m;
        while ((h->healed || !history_chance(h, 20)) && model_executor_take(&h->places[i].x, &m)) {
            for (unsigned times = history_chance(h, h->loss) ? 2 : 1;
                 times > 0 && !history_chance(h, h->loss); times--) {
                if (m.registered)
                    engine_registered(h->w.e, h->places[i].x.id, m.runs, m.n);
                else
                    engine_report(h->w.e, h->places[i].x.id, &m.runs[0]);
            }
            free(m.runs);
        }
    }
}

/* ---- Rounds ---- */

void history_load(history *h, engine *e)
{
    engine *kept = h->w.e;
    h->w.e = e;
    for (int i = 0; i < CES; i++)
        put_ce(h, i);
    for (int i = 0; i < QUEUES; i++)
        if (h->queue_known[i])
            put_queue(h, i);
    for (size_t i = 0; i < h->n_places; i++)
        history_put_place(h, &h->places[i]);
    if (history_chance(h, 10))
        engine_db_load_uncounted(h->w.db, e);
    else
        engine_db_load(h->w.db, e);
    h->w.e = kept;
}

void history_new_leader(history *h)
{
    engine_free(h->w.e);
    h->w.e = engine_new();
    engine_clock(h->w.e, h->w.steady_ms);
    history_load(h, h->w.e);
    for (size_t i = 0; i < h->n_rows; i++)
        feed(h, &h->rows[i]);
    for (size_t i = 0; i < h->n_places; i++) {
        h->places[i].held_until_ms = 0;           /* it knows of none */
        model_executor_register(&h->places[i].x); /* it asks each */
    }
}

static place *find_place(history *h, const char *id)
{
    for (size_t i = 0; i < h->n_places; i++)
        if (strcmp(h->places[i].x.id, id) == 0)
            return &h->places[i];
    return NULL;
}

static bool is_lost(const place *p)
{
    return !p->known || p->state == OB_INSTANCE_LOST;
}

/* What was placed on an instance that is lost has ended as an attempt, unless its executor told the
 * end just before. */
static void check_lost(history *h, const effect_placement *gone)
{
    const engine_effects *effects = &h->w.effects;
    if (!is_lost(find_place(h, gone->instance_id)))
        return;
    for (size_t i = 0; i < effects->n_attempts; i++)
        if (ob_uuid_cmp(&effects->attempts[i].id, &gone->run.id) == 0 &&
            effects->attempts[i].index == gone->run.index &&
            effects->attempts[i].run == gone->run.run)
            return;
    for (size_t i = 0; i < effects->n_orders; i++)
        if (effects->orders[i].kind == ORDER_CONFIRM &&
            strcmp(effects->orders[i].instance_id, gone->instance_id) == 0 &&
            memcmp(&effects->orders[i].run, &gone->run, sizeof(gone->run)) == 0)
            return;
    fail_msg("a run on lost %s was given up without an attempt", gone->instance_id);
}

/* Was given up and goes on as RUNNABLE without having used up an attempt: refused. */
static bool is_refused(const engine_effects *effects, const ob_run_ref *run)
{
    for (size_t i = 0; i < effects->n_attempts; i++)
        if (effects->attempts[i].run == run->run && effects->attempts[i].index == run->index &&
            ob_uuid_cmp(&effects->attempts[i].id, &run->id) == 0)
            return false;
    for (size_t i = 0; i < effects->n_events; i++)
        if (effects->events[i].state == OB_JOB_RUNNABLE &&
            effects->events[i].idx_lo == run->index &&
            ob_uuid_cmp(&effects->events[i].id, &run->id) == 0)
            return true;
    return false;
}

static void note_refusals(history *h)
{
    const engine_effects *effects = &h->w.effects;
    for (size_t i = 0; i < h->n_places; i++)
        if (h->places[i].held_until_ms <= h->w.now_ms ||
            h->places[i].held_until_ms > h->w.now_ms + ENGINE_HOLD_MIN_MS)
            h->places[i].held_until_ms = 0; /* over, or the clock was set back */
    for (size_t i = 0; i < effects->n_placement_delete; i++)
        if (is_refused(effects, &effects->placement_delete[i].run)) {
            find_place(h, effects->placement_delete[i].instance_id)->held_until_ms =
                h->w.now_ms + ENGINE_HOLD_MIN_MS;
            h->n_refusals++;
        }
}

/* That what is to be tested happens. */
static void count(history *h)
{
    const engine_effects *effects = &h->w.effects;
    for (size_t i = 0; i < effects->n_done; i++) {
        const char *reason = effects->done[i].reason ? effects->done[i].reason : "";
        h->n_dependents_failed += strcmp(reason, "Dependent Job failed") == 0;
        h->n_timed_out += strcmp(reason, "Job attempt duration exceeded timeout") == 0;
    }
    for (size_t i = 0; i < effects->n_live_update; i++)
        h->n_retries += effects->live_update[i].attempt > 1;
    for (size_t i = 0; i < effects->n_live_update; i++)
        h->n_waits +=
            effects->live_update[i].state == OB_JOB_PENDING && effects->live_update[i].waits;
}

static void check_placements(history *h)
{
    const engine_effects *effects = &h->w.effects;
    for (size_t i = 0; i < effects->n_placement_delete; i++)
        check_lost(h, &effects->placement_delete[i]);
    note_refusals(h);
    count(h);
    for (size_t i = 0; i < effects->n_placement_insert; i++) {
        const place *p = find_place(h, effects->placement_insert[i].instance_id);
        assert_non_null(p);
        assert_true(p->known && p->state == OB_INSTANCE_ACTIVE);
        if (p->held_until_ms > h->w.now_ms)
            fail_msg("%s has just refused a run and gets another", p->x.id);
        if (p->unwell)
            fail_msg("%s is unwell and gets a run", p->x.id);
        const engine_ce *c = &h->ces[p->ce - 1];
        assert_true(c->enabled && c->valid);
    }
    for (size_t i = 0; i < h->n_places; i++) {
        const place *p = &h->places[i];
        ob_resources used = engine_db_used(h->w.db, p->x.id);
        assert_true(ob_resources_fit(&used, &p->size));
        if (is_lost(p))
            assert_int_equal(used.mcpu, 0);
    }
}

static void send_orders(history *h)
{
    for (size_t i = 0; i < h->w.effects.n_orders; i++) {
        place *p = find_place(h, h->w.effects.orders[i].instance_id);
        if (p && !history_chance(h, h->loss))
            model_executor_order(&p->x, &h->w.effects.orders[i]);
    }
}

/* Instances that drain, are lost or go between the decision and its transaction, which refuses
 * them. Empty ones: what ran there is looked at by the next round. */
static void drain_meanwhile(history *h)
{
    for (unsigned i = 0; i < 3; i++) {
        place *p = &h->places[history_below(h, (unsigned)h->n_places)];
        if (engine_db_used(h->w.db, p->x.id).mcpu == 0)
            change_place(h, p);
    }
    h->n_withdrawn += engine_withdraw(h->w.e, &h->w.effects);
}

void history_one_round(history *h)
{
    if (history_chance(h, h->healed ? 0 : 5)) { /* decided, not committed */
        engine_effects_clear(&h->w.effects);
        engine_round(h->w.e, h->w.now_ms + 500, &h->w.effects);
        history_new_leader(h);
    }
    if (h->jumps && history_chance(h, 10))
        h->w.now_ms -= 4000; /* the clock was set back */
    world_decide(&h->w);
    if (!h->healed && h->n_places > 0 && history_chance(h, 10))
        drain_meanwhile(h);
    world_apply(&h->w);
    h->n_rows = 0;
    check_placements(h);
    send_orders(h);
}

/* A container begins: no other of the same job may be running, unless the instance of one is
 * recorded as lost or gone. */
static void began(void *arg, model_executor *x, model_run *r)
{
    history *h = arg;
    for (size_t j = 0; j < h->n_jobs; j++)
        if (h->limited[j] && ob_uuid_cmp(&h->jobs[j], &r->ref.id) == 0)
            r->hangs = history_chance(h, 50);
    for (size_t i = 0; i < h->n_places; i++) {
        const place *p = &h->places[i];
        if (is_lost(p) || is_lost(find_place(h, x->id)))
            continue;
        for (size_t k = 0; k < p->x.n_runs; k++) {
            const model_run *other = &p->x.runs[k];
            if (other != r && ob_uuid_cmp(&other->ref.id, &r->ref.id) == 0 &&
                other->ref.index == r->ref.index && other->state == RUN_RUNNING)
                fail_msg("two containers of one job: on %s and %s", p->x.id, x->id);
        }
    }
}

void history_executors(history *h)
{
    for (size_t i = 0; i < h->n_places; i++) {
        model_executor *x = &h->places[i].x;
        model_executor_step(x, history_below, h, h->healed, h->loss, began);
        if (history_chance(h, 30))
            model_executor_again(x);
        if (history_chance(h, 15))
            model_executor_register(x);
    }
}

void history_happen(history *h)
{
    for (unsigned i = history_below(h, 4); i > 0; i--)
        submit(h);
    if (history_chance(h, 25))
        stop(h);
    if (history_chance(h, 15))
        history_change_ce(h, (int)history_below(h, CES));
    if (history_chance(h, 20))
        history_change_queue(h, (int)history_below(h, QUEUES));
    if (history_chance(h, 2)) {
        int q = (int)history_below(h, QUEUES);
        h->queues[q].deleting = true;
        put_queue(h, q);
    }
    if (history_chance(h, 30))
        (void)history_add_place(
            h, 1 + history_below(h, CES),
            (ob_resources){ .mcpu = (int32_t)(1 + history_below(h, 8)) * 1000,
                            .mem_mib = (int32_t)(1 + history_below(h, 8)) * 1000,
                            .gpus = (int32_t)history_below(h, 2) });
    if (h->n_places > 0 && history_chance(h, 50))
        change_place(h, &h->places[history_below(h, (unsigned)h->n_places)]);
    if (h->n_places > 0 && history_chance(h, 10))
        history_set_unwell(h, &h->places[history_below(h, (unsigned)h->n_places)],
                           history_chance(h, 50));
    if (history_chance(h, 4))
        history_new_leader(h);
}
