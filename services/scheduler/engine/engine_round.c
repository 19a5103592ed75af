/* The engine's entry: takes inputs; in a round it reads them in order, ends what must end, places
 * what fits, and says why the rest waits and what it needs. Its decisions depend only on the inputs
 * and the given time: no I/O, no clock, no threads. Used by one thread. */
#include "engine.h"

#include "admit.h"
#include "arena.h"
#include "ce.h"
#include "class.h"
#include "counts.h"
#include "demand.h"
#include "dependencies.h"
#include "dependents.h"
#include "effects.h"
#include "front.h"
#include "head.h"
#include "hold.h"
#include "instance.h"
#include "job_table.h"
#include "keep.h"
#include "lost.h"
#include "model.h"
#include "place.h"
#include "queue.h"
#include "queue_sweep.h"
#include "queue_usage.h"
#include "reason.h"
#include "report.h"
#include "share.h"
#include "stop.h"
#include "terms.h"
#include "timeout.h"
#include "waiters.h"

engine *engine_new(void)
{
    engine *e = ob_calloc(1, sizeof(*e));
    e->topology = 1;
    e->next_order = 1;
    e->hold_due_ms = e->wait_due_ms = INT64_MAX;
    e->next_timeout_ms = INT64_MAX;
    return e;
}

void engine_free(engine *e)
{
    if (!e)
        return;
    holds_free(e);
    instances_free(e);
    ces_free(e);
    waiters_free(e);
    job_table_free(e);
    terms_free(e);
    queues_free(e);
    free(e->inputs);
    free(e->questions);
    free(e->touched);
    free(e->returned);
    free(e->line);
    free(e->failed);
    free(e->kept);
    arena_free(e->input_arena);
    free(e);
}

/* ---- Inputs: copied, read by the next round ---- */

static const engine_dependency *dependencies(engine *e, const engine_dependency *deps, size_t n)
{
    if (n == 0)
        return NULL;
    engine_dependency *copy = arena_take(&e->input_arena, n * sizeof(*copy));
    for (size_t i = 0; i < n; i++) {
        copy[i] = deps[i];
        size_t size = deps[i].n_failed * sizeof(*deps[i].failed);
        if (size > 0)
            copy[i].failed = memcpy(arena_take(&e->input_arena, size), deps[i].failed, size);
    }
    return copy;
}

void engine_submit(engine *e, const engine_submission *s)
{
    input *in = LIST_ADD(e, inputs);
    in->kind = IN_SUBMIT;
    in->submission = *s;
    in->submission.share = arena_text(&e->input_arena, s->share);
    in->submission.failure = arena_text(&e->input_arena, s->failure);
    in->submission.deps = dependencies(e, s->deps, s->n_deps);
    in->submission.terms.on_exit = arena_text(&e->input_arena, s->terms.on_exit);
    e->dirty = true;
}

void engine_stop(engine *e, const ob_job_ref *ref, bool terminate, const char *reason)
{
    input *in = LIST_ADD(e, inputs);
    in->kind = IN_STOP;
    in->reason = arena_text(&e->input_arena, reason ? reason : "");
    in->stop.job = *ref;
    in->stop.terminate = terminate;
    e->dirty = true;
}

void engine_ask_dependents(engine *e, int64_t seq, const ob_job_ref *ref)
{
    *LIST_ADD(e, questions) = (question){ .seq = seq, .job = *ref };
    e->dirty = true;
}

static void add_reports(
    engine *e, const char *instance_id, const engine_run_report *reports, size_t n, int kind)
{
    input *in = LIST_ADD(e, inputs);
    in->kind = kind;
    in->instance_id = arena_text(&e->input_arena, instance_id);
    in->held.n = n;
    in->held.reports = arena_take(&e->input_arena, (n + 1) * sizeof(*reports));
    for (size_t i = 0; i < n; i++) {
        engine_run_report *to = &in->held.reports[i];
        *to = reports[i];
        to->reason = arena_text(&e->input_arena, reports[i].reason);
        to->status_reason = arena_text(&e->input_arena, reports[i].status_reason);
        to->pod = arena_text(&e->input_arena, reports[i].pod);
    }
    e->dirty = true;
}

void engine_reports(engine *e, const char *instance_id, const engine_run_report *reports, size_t n)
{
    if (n > 0)
        add_reports(e, instance_id, reports, n, IN_REPORTS);
}

void engine_report(engine *e, const char *instance_id, const engine_run_report *report)
{
    engine_reports(e, instance_id, report, 1);
}

void engine_registered(engine *e, const char *instance_id, const engine_run_report *held, size_t n)
{
    add_reports(e, instance_id, held, n, IN_REGISTERED);
}

/* ---- The round ---- */

static void read_inputs(engine *e)
{
    for (size_t i = 0; i < e->n_inputs; i++) {
        const input *in = &e->inputs[i];
        switch (in->kind) {
        case IN_SUBMIT:
            admit_submission(e, &in->submission);
            break;
        case IN_STOP:
            stop_ref(e, &in->stop.job, in->stop.terminate, in->reason);
            break;
        case IN_REPORTS:
            report_apply(e, in->instance_id, in->held.reports, in->held.n);
            break;
        case IN_REGISTERED:
            report_apply_all(e, in->instance_id, in->held.reports, in->held.n);
            break;
        }
    }
    e->n_inputs = 0;
    arena_clear(e->input_arena);
}

void engine_round(engine *e, int64_t now_ms, engine_effects *out)
{
    e->now_ms = now_ms;
    e->shown_ms = now_ms + e->ahead_ms;
    e->effects = out;
    e->dirty = false;
    e->wait_due_ms = INT64_MAX;
    e->rounds++;
    hold_end_due(e);
    read_inputs(e);
    timeouts_enforce(e); /* after the reports, so that a reported end counts */
    head_enforce_limits(e);
    queues_sweep(e); /* work that it leaves for the next round makes the engine dirty */
    lost_sweep(e);   /* after the reports, so that a reported end counts */
    do {
        dependencies_settle(e);
        queues_end_returned(e);
        class_insert_returned(e);
    } while (e->n_notices > 0);
    shares_update(e);
    place_jobs(e);
    head_find(e);
    keep_update(e);
    effects_write_rows(e);
    job_table_free_ended(e);
    demand_update(e);
    fronts_update(e);
    counts_update(e);
    reasons_update(e);
    queues_drop_unused_classes(e);
    head_report_blocked(e);
    shares_write_rows(e);
    queue_usage_update(e);
    dependents_answer(e);
    e->effects = NULL;
}

void engine_shown(engine *e, int64_t ahead_ms)
{
    e->ahead_ms = ahead_ms;
}

bool engine_dirty(const engine *e)
{
    return e->dirty;
}

int64_t engine_next_due(const engine *e)
{
    return e->hold_due_ms < e->wait_due_ms ? e->hold_due_ms : e->wait_due_ms;
}

/* ---- Looking ---- */

void engine_instance_runs(const engine *e,
                          const char *instance_id,
                          void (*fn)(const engine_wanted *run, void *arg),
                          void *arg)
{
    const instance *i = NULL;
    HASH_FIND_STR(e->instances, instance_id, i);
    if (!i)
        return;
    for (const run *r = i->runs; r; r = r->rnext) {
        const job *j = r->job;
        fn(&(engine_wanted){ .run = job_run_ref(j),
                             .attempt = j->ended + 1,
                             .reported = r->reported,
                             .state = j->state == OB_JOB_RUNNING ? RUN_RUNNING : RUN_STARTING,
                             .stopping = (j->flags & FLAGS_STOPPING) != 0,
                             .queue_id = j->cls->queue->id },
           arg);
    }
}

void engine_ce_use(const engine *e,
                   int64_t ce_id,
                   void (*fn)(const engine_use *use, void *arg),
                   void *arg)
{
    const ce *c = NULL;
    HASH_FIND(hh, e->ces, &ce_id, sizeof(ce_id), c);
    for (const instance *i = c ? c->instances : NULL; i; i = i->inext) {
        if (!i->known)
            continue;
        fn(&(engine_use){ .instance_id = i->id,
                          .used = i->used,
                          .runs = i->n_runs,
                          .kept =
                              i->kept_for != NULL || (instance_is_held(i) && hold_is_long(e, i)),
                          .state = i->state },
           arg);
    }
}

void engine_stats_get(const engine *e, engine_stats *out)
{
    *out = (engine_stats){ .waiting = e->n_waiting,
                           .placed = e->n_placed,
                           .jobs = e->n_jobs,
                           .classes = e->n_classes,
                           .instances = e->n_instances,
                           .bytes = job_table_bytes(e),
                           .ignored = e->ignored };
    for (const instance *i = e->instances; i; i = i->hh.next) {
        if (!i->known || i->state != OB_INSTANCE_ACTIVE || !instance_is_held(i))
            continue;
        out->unwell += i->hold.unwell != NULL;
        out->held += !i->hold.unwell;
        if (i->hold.unwell && !out->unwell_text) {
            out->unwell_text = i->hold.unwell;
            out->unwell_id = i->id;
        }
    }
    for (const queue *q = e->queues; q; q = q->hh.next)
        for (const class *cls = q->classes; cls; cls = cls->hh.next)
            out->passed_over += cls->passed_ms != 0;
}
