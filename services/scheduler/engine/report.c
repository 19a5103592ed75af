/* What executors say of runs, and the end of runs whose instance is lost. A report counts only for
 * the current run of a job on the instance it was placed on; all else is answered by an order to
 * stop it, or by a confirmation when it has ended. Reading a report twice changes nothing. A run
 * that was ordered and did not end as its executor told counts as an attempt: it may have run. */
#include "internal.h"

#include <stdio.h>

#define TIMED_OUT "Job attempt duration exceeded timeout"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What follows the end of an attempt: what 'ev' says, or another attempt. */
static ob_job_event retry_or_end(const engine *e, const job *j, ob_job_event ev, const ending *x)
{
    const terms *t = eng_terms(e, j);
    retry_end end = { .status_reason = x->reason,
                      .reason = x->container_reason,
                      .has_exit_code = x->has_exit_code,
                      .exit_code = x->exit_code };
    return ev == OB_EV_EXIT_FAIL && !x->timed_out && j->ended < t->attempts &&
                   retry_allows(t->rules, &end)
               ? OB_EV_RETRY
               : ev;
}

/* Ends the current run of 'j': ev says how. attempt: it counts as one. */
static void finish(engine *e, job *j, ob_job_event ev, bool attempt, ending *x)
{
    run *r = j->placed;
    char *stop_reason = NULL;
    x->on = r->on;
    x->started_at_ms = r->started_at_ms;
    x->after_ms = r->told_at_ms;
    x->stopped_at_ms = later(x->stopped_at_ms, later(r->started_at_ms, j->at_ms));
    if (j->flags & OB_FLAG_TERMINATED) {
        ev = OB_EV_STOP;
        stop_reason = ob_strdup(r->stop_reason ? r->stop_reason : "");
        x->reason = stop_reason;
    } else if (x->timed_out || (j->flags & OB_FLAG_TIMED_OUT)) {
        x->timed_out = true;
        x->reason = TIMED_OUT;
        ev = OB_EV_EXIT_FAIL;
    }
    j->ended = ENDED(j->ended + attempt);
    if (attempt)
        ev = retry_or_end(e, j, ev, x);
    /* What was cancelled or terminated as a whole is not placed again. */
    array *a = j->index != NO_INDEX ? eng_as_child(j)->parent : NULL;
    if ((ev == OB_EV_UNPLACE || ev == OB_EV_RETRY) && a && a->base.flags) {
        ev = OB_EV_STOP;
        j->flags |= a->base.flags;
        x->reason = a->stop_reason;
    }
    if (attempt)
        eng_attempt(e, j, x);
    effect_placement *p = LIST_ADD(e->fx, placement_delete);
    p->instance_id = eng_text(&e->fx->text, r->on->id);
    p->run = eng_run_ref(j);
    eng_run_remove(e, r);

    if (ev == OB_EV_UNPLACE || ev == OB_EV_RETRY) {
        j->at_ms = later(later(e->shown_ms, x->after_ms), later(x->stopped_at_ms, j->at_ms));
        eng_move(e, j, ev);
        ending again = { .reason = ev == OB_EV_RETRY ? x->reason : NULL };
        eng_event(e, j, &again);
        if (ev == OB_EV_RETRY)
            j->order = ORDER(e->next_order++);
        eng_return(e, j);
    } else {
        eng_end(e, j, ev, x);
    }
    free(stop_reason);
}

static void begin(engine *e, job *j, int64_t started_at_ms)
{
    run *r = j->placed;
    r->started_at_ms = later(started_at_ms ? started_at_ms : e->shown_ms, j->at_ms);
    eng_start_worked(e, j, r->on);
    eng_timeout_begin(e, r, 0);
    if (eng_move(e, j, OB_EV_RUN))
        eng_event(e, j, &(ending){ .on = r->on, .started_at_ms = r->started_at_ms });
}

static void exited(engine *e, job *j, const engine_run_report *r)
{
    ending x = { .container_reason = r->reason,
                 .stopped_at_ms = r->stopped_at_ms ? r->stopped_at_ms : e->shown_ms,
                 .has_exit_code = r->has_exit_code,
                 .exit_code = r->exit_code,
                 .timed_out = r->timed_out };
    if (r->started && j->state == OB_JOB_STARTING)
        begin(e, j, r->started_at_ms);
    if (j->state == OB_JOB_STARTING) { /* it never ran */
        bool refused = !r->reason && !r->status_reason;
        if (j->flags & OB_FLAG_TERMINATED) /* a stop that came first says nothing of the instance */
            ;
        else if (refused)
            eng_refused(e, j->placed->on);
        else
            eng_start_failed(e, j, j->placed->on, r->reason ? r->reason : r->status_reason);
        x.reason = r->status_reason ? r->status_reason : "Task failed to start";
        finish(e, j, refused ? OB_EV_UNPLACE : OB_EV_EXIT_FAIL, !refused, &x);
        return;
    }
    bool ok = r->has_exit_code && r->exit_code == 0;
    if (!ok && r->oom && !r->reason)
        x.container_reason = "OutOfMemoryError: Container killed due to memory usage";
    x.reason = r->status_reason ? r->status_reason : "Essential container in task exited";
    finish(e, j, ok ? OB_EV_EXIT_OK : OB_EV_EXIT_FAIL, true, &x);
}

void eng_report(engine *e, const char *instance_id, const engine_run_report *r, bool registering)
{
    job *j = eng_find(e, &r->run.id, r->run.index);
    if (!j || j->is_array || !eng_placed(j) || j->last_run != r->run.run ||
        strcmp(j->placed->on->id, instance_id) != 0) {
        eng_order(e, r->state == RUN_EXITED ? ORDER_CONFIRM : ORDER_STOP, instance_id, &r->run);
        return;
    }
    bool stop = (j->flags & FLAGS_STOPPING) && registering;
    j->placed->reported = true;
    j->placed->mark = e->mark;
    switch (r->state) {
    case RUN_STARTING:
        break;
    case RUN_RUNNING:
        if (j->state == OB_JOB_STARTING) {
            begin(e, j, r->started_at_ms);
            stop = j->flags & FLAGS_STOPPING;
        }
        break;
    case RUN_EXITED:
        eng_order(e, ORDER_CONFIRM, instance_id, &r->run);
        exited(e, j, r);
        return;
    }
    if (stop)
        eng_order(e, ORDER_STOP, instance_id, &r->run);
}

void eng_registered(engine *e, const char *instance_id, const engine_run_report *held, size_t n)
{
    e->mark++;
    for (size_t i = 0; i < n; i++)
        eng_report(e, instance_id, &held[i], true);
    instance *on = eng_instance(e, instance_id);
    if (!on)
        return;
    run *r, *tmp;
    DL_FOREACH_SAFE2(on->runs, r, tmp, rnext)
    {
        job *j = r->job;
        ob_run_ref ref = eng_run_ref(j);
        if (r->mark == e->mark)
            continue;
        if (r->reported) {
            /* It was there and is gone: never begun again under the same number. */
            ending x = { .reason = "Essential container in task exited",
                         .container_reason = "CannotInspectContainerError: the container is gone",
                         .stopped_at_ms = e->shown_ms };
            finish(e, j, OB_EV_EXIT_FAIL, true, &x);
        } else {
            eng_order(e, j->flags & OB_FLAG_TERMINATED ? ORDER_STOP : ORDER_RUN, instance_id, &ref);
        }
    }
}

void eng_lost(engine *e, instance *i)
{
    char reason[128];
    (void)snprintf(reason, sizeof(reason), "Host EC2 (instance %s) terminated.", i->id);
    run *r, *tmp;
    DL_FOREACH_SAFE2(i->runs, r, tmp, rnext)
    {
        /* Each was ordered, so each may have run, told of or not: the report may be lost as well.
         */
        ending x = { .reason = reason, .stopped_at_ms = e->shown_ms };
        finish(e, r->job, OB_EV_EXIT_FAIL, true, &x);
    }
}
