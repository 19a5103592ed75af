/* The engine's door: takes inputs, and in a round reads them in order, ends what is to end, places
 * what fits, and says why the rest waits and what it needs. Decides by its inputs and the time
 * given alone: no I/O, no clock, no threads. Used by one thread. */
#include "internal.h"

engine *engine_new(void)
{
    engine *e = ob_calloc(1, sizeof(*e));
    e->topology = 1;
    e->next_order = 1;
    e->next_due_ms = e->wait_due_ms = INT64_MAX;
    e->next_timeout_ms = INT64_MAX;
    return e;
}

void engine_free(engine *e)
{
    if (!e)
        return;
    eng_ces_free(e);
    eng_kinds_free(e);
    eng_depend_free(e);
    eng_table_free(e);
    eng_terms_free(e);
    eng_queues_free(e);
    free(e->inputs);
    free(e->touched);
    free(e->returned);
    free(e->line);
    free(e->failed);
    free(e->kept);
    eng_text_free(e->input_text);
    free(e);
}

/* ---- Inputs: copied, read by the next round ---- */

static const engine_dependency *dependencies(engine *e, const engine_dependency *deps, size_t n)
{
    if (n == 0)
        return NULL;
    engine_dependency *copy = eng_text_memory(&e->input_text, n * sizeof(*copy));
    for (size_t i = 0; i < n; i++) {
        copy[i] = deps[i];
        size_t size = deps[i].n_failed * sizeof(*deps[i].failed);
        if (size > 0)
            copy[i].failed = memcpy(eng_text_memory(&e->input_text, size), deps[i].failed, size);
    }
    return copy;
}

void engine_submit(engine *e, const engine_submission *s)
{
    input *in = LIST_ADD(e, inputs);
    in->kind = IN_SUBMIT;
    in->submission = *s;
    in->submission.share = eng_text(&e->input_text, s->share);
    in->submission.failure = eng_text(&e->input_text, s->failure);
    in->submission.deps = dependencies(e, s->deps, s->n_deps);
    in->submission.terms.on_exit = eng_text(&e->input_text, s->terms.on_exit);
    e->dirty = true;
}

void engine_stop(engine *e, const ob_job_ref *ref, bool terminate, const char *reason)
{
    input *in = LIST_ADD(e, inputs);
    in->kind = IN_STOP;
    in->reason = eng_text(&e->input_text, reason ? reason : "");
    in->stop.job = *ref;
    in->stop.terminate = terminate;
    e->dirty = true;
}

static void add_reports(
    engine *e, const char *instance_id, const engine_run_report *reports, size_t n, int kind)
{
    input *in = LIST_ADD(e, inputs);
    in->kind = kind;
    in->instance_id = eng_text(&e->input_text, instance_id);
    in->held.n = n;
    in->held.reports = eng_text_memory(&e->input_text, (n + 1) * sizeof(*reports));
    for (size_t i = 0; i < n; i++) {
        engine_run_report *to = &in->held.reports[i];
        *to = reports[i];
        to->reason = eng_text(&e->input_text, reports[i].reason);
        to->status_reason = eng_text(&e->input_text, reports[i].status_reason);
    }
    e->dirty = true;
}

void engine_report(engine *e, const char *instance_id, const engine_run_report *report)
{
    add_reports(e, instance_id, report, 1, IN_REPORT);
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
            eng_submit(e, &in->submission);
            break;
        case IN_STOP:
            eng_stop_ref(e, &in->stop.job, in->stop.terminate, in->reason);
            break;
        case IN_REPORT:
            eng_report(e, in->instance_id, &in->held.reports[0], false);
            break;
        case IN_REGISTERED:
            eng_registered(e, in->instance_id, in->held.reports, in->held.n);
            break;
        }
    }
    e->n_inputs = 0;
    eng_text_clear(e->input_text);
}

void engine_round(engine *e, int64_t now_ms, engine_effects *out)
{
    e->now_ms = now_ms;
    e->shown_ms = now_ms + e->ahead_ms;
    e->fx = out;
    e->dirty = false;
    e->wait_due_ms = INT64_MAX;
    e->rounds++;
    eng_hold_ends(e);
    read_inputs(e);
    eng_timeouts(e); /* after the reports: an end that was told counts */
    eng_limits(e);
    eng_queues_sweep(e);    /* what it leaves for the next round makes the engine dirty */
    eng_instances_sweep(e); /* after the reports: an end that was told counts */
    do {
        eng_depend(e);
        eng_returned(e); /* ends what came back to a deleted queue */
    } while (e->n_notices > 0);
    eng_shares(e);
    eng_place(e);
    eng_heads(e);
    eng_keep(e);
    eng_flush(e);
    eng_bury(e);
    eng_demand(e);
    eng_fronts(e);
    eng_reasons(e);
    eng_blocked(e);
    eng_shares_tell(e);
    e->fx = NULL;
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
    return e->next_due_ms < e->wait_due_ms ? e->next_due_ms : e->wait_due_ms;
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
        fn(&(engine_wanted){ .run = eng_run_ref(j),
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
                          .kept = i->kept_for != NULL || (eng_held(i) && eng_held_long(e, i)),
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
                           .bytes = eng_table_bytes(e),
                           .ignored = e->ignored };
    for (const instance *i = e->instances; i; i = i->hh.next) {
        if (!i->known || i->state != OB_INSTANCE_ACTIVE || !eng_held(i))
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
