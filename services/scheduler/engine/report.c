/* Executors' reports about runs. A report counts only for the current run of a job on the instance
 * where it was placed; any other is answered with an order to stop it, or with a confirmation if it
 * has ended. Reading a report twice changes nothing. What one message costs is bounded, whatever it
 * lists: of runs that are not current only ENGINE_ANSWERS_MAX are answered. */
#include "report.h"

#include "effects.h"
#include "hold.h"
#include "instance.h"
#include "job_table.h"
#include "minmax.h"
#include "moves.h"
#include "run_end.h"
#include "timeout.h"

static void begin(engine *e, job *j, int64_t started_at_ms)
{
    run *r = j->placed;
    r->started_at_ms = max_i64(started_at_ms ? started_at_ms : e->shown_ms, j->at_ms);
    hold_note_start(e, j, r->on);
    timeout_start(e, r, 0);
    if (move_job(e, j, OB_EV_RUN))
        effects_add_event(e, j, &(ending){ .on = r->on, .started_at_ms = r->started_at_ms });
}

static void exited(engine *e, job *j, const engine_run_report *r)
{
    ending x = { .container_reason = r->reason,
                 .stopped_at_ms = r->stopped_at_ms ? r->stopped_at_ms : e->shown_ms,
                 .has_exit_code = r->has_exit_code,
                 .exit_code = r->exit_code,
                 .pulled_at_ms = r->pulled_at_ms,
                 .created_at_ms = r->created_at_ms,
                 .cpu_ms = r->cpu_ms,
                 .peak_bytes = r->peak_bytes,
                 .timed_out = r->timed_out };
    if (r->started && j->state == OB_JOB_STARTING)
        begin(e, j, r->started_at_ms);
    if (j->state == OB_JOB_STARTING) { /* it never ran */
        bool refused = !r->reason && !r->status_reason;
        if (j->flags &
            OB_FLAG_TERMINATED) /* if it was stopped first, this says nothing about the instance */
            ;
        else if (refused)
            hold_note_refusal(e, j->placed->on);
        else
            hold_note_failure(e, j, j->placed->on, r->reason ? r->reason : r->status_reason);
        x.reason = r->status_reason ? r->status_reason : "Task failed to start";
        run_end(e, j, refused ? OB_EV_UNPLACE : OB_EV_EXIT_FAIL, !refused, &x);
        return;
    }
    bool ok = r->has_exit_code && r->exit_code == 0;
    if (!ok && r->oom && !r->reason)
        x.container_reason = "OutOfMemoryError: Container killed due to memory usage";
    x.reason = r->status_reason ? r->status_reason : "Essential container in task exited";
    run_end(e, j, ok ? OB_EV_EXIT_OK : OB_EV_EXIT_FAIL, true, &x);
}

/* The job whose current run it is, on that instance; NULL: none. */
static job *current_job(engine *e, const char *instance_id, const engine_run_report *r)
{
    job *j = job_find(e, &r->run.id, r->run.index);
    bool current = j && !j->is_array && job_is_placed(j) && j->last_run == r->run.run &&
                   strcmp(j->placed->on->id, instance_id) == 0;
    return current ? j : NULL;
}

/* answers: for runs of the message that are not current, so far. */
static void apply_one(engine *e,
                      const char *instance_id,
                      const engine_run_report *r,
                      bool registering,
                      size_t *answers)
{
    job *j = current_job(e, instance_id, r);
    if (!j) {
        if (*answers < ENGINE_ANSWERS_MAX) {
            effects_add_order(e, r->state == RUN_EXITED ? ORDER_CONFIRM : ORDER_STOP, instance_id,
                              &r->run);
            ++*answers;
        }
        return;
    }
    bool first = !registering || j->placed->mark != e->mark; /* it may be named several times */
    bool stop = (j->flags & FLAGS_STOPPING) && registering;
    j->placed->reported = true;
    j->placed->mark = e->mark;
    if (r->pod)
        effects_add_pod(e, j, r->pod);
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
        effects_add_order(e, ORDER_CONFIRM, instance_id, &r->run);
        exited(e, j, r);
        return;
    }
    if (stop && first)
        effects_add_order(e, ORDER_STOP, instance_id, &r->run);
}

void report_apply(engine *e, const char *instance_id, const engine_run_report *reports, size_t n)
{
    size_t answers = 0;
    for (size_t i = 0; i < n; i++)
        apply_one(e, instance_id, &reports[i], false, &answers);
}

void report_apply_all(engine *e, const char *instance_id, const engine_run_report *held, size_t n)
{
    size_t answers = 0;
    e->mark++;
    for (size_t i = 0; i < n; i++)
        apply_one(e, instance_id, &held[i], true, &answers);
    instance *on = instance_find(e, instance_id);
    if (!on)
        return;
    run *r, *tmp;
    DL_FOREACH_SAFE2(on->runs, r, tmp, rnext)
    {
        job *j = r->job;
        ob_run_ref ref = job_run_ref(j);
        if (r->mark == e->mark)
            continue;
        if (r->reported) {
            /* It was there and is gone: it is never started again under the same number. */
            ending x = { .reason = "Essential container in task exited",
                         .container_reason = "CannotInspectContainerError: the container is gone",
                         .stopped_at_ms = e->shown_ms };
            run_end(e, j, OB_EV_EXIT_FAIL, true, &x);
        } else {
            effects_add_order(e, j->flags & OB_FLAG_TERMINATED ? ORDER_STOP : ORDER_RUN,
                              instance_id, &ref);
        }
    }
}
