/* The end of a run: its capacity becomes free, an attempt is recorded, and the job ends, is tried
 * again, or goes back to its queue. */
#include "run_end.h"

#include "arena.h"
#include "class.h"
#include "effects.h"
#include "instance.h"
#include "minmax.h"
#include "moves.h"
#include "terms.h"

#define TIMED_OUT "Job attempt duration exceeded timeout"

/* What follows the end of an attempt: the move 'ev', or another attempt. */
static ob_job_event retry_or_end(const engine *e, const job *j, ob_job_event ev, const ending *x)
{
    const terms *t = terms_of(e, j);
    retry_end end = { .status_reason = x->reason,
                      .reason = x->container_reason,
                      .has_exit_code = x->has_exit_code,
                      .exit_code = x->exit_code };
    return ev == OB_EV_EXIT_FAIL && !x->timed_out && j->ended < t->attempts &&
                   retry_allows(t->rules, &end)
               ? OB_EV_RETRY
               : ev;
}

void run_end(engine *e, job *j, ob_job_event ev, bool attempt, ending *x)
{
    run *r = j->placed;
    char *stop_reason = NULL;
    x->on = r->on;
    x->started_at_ms = r->started_at_ms;
    x->after_ms = r->published_at_ms;
    x->stopped_at_ms = max_i64(x->stopped_at_ms, max_i64(r->started_at_ms, j->at_ms));
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
    /* A job that was cancelled or terminated as a whole is not placed again. */
    array *a = j->index != NO_INDEX ? job_as_child(j)->parent : NULL;
    if ((ev == OB_EV_UNPLACE || ev == OB_EV_RETRY) && a && a->base.flags) {
        ev = OB_EV_STOP;
        j->flags |= a->base.flags;
        x->reason = a->stop_reason;
    }
    x->retried = ev == OB_EV_RETRY;
    if (attempt)
        effects_add_attempt(e, j, x);
    effect_placement *p = LIST_ADD(e->effects, placement_delete);
    p->instance_id = arena_text(&e->effects->arena, r->on->id);
    p->run = job_run_ref(j);
    run_remove(e, r);

    if (ev == OB_EV_UNPLACE || ev == OB_EV_RETRY) {
        j->at_ms = max_i64(max_i64(e->shown_ms, x->after_ms), max_i64(x->stopped_at_ms, j->at_ms));
        move_job(e, j, ev);
        ending again = { .reason = ev == OB_EV_RETRY ? x->reason : NULL };
        effects_add_event(e, j, &again);
        if (ev == OB_EV_RETRY)
            j->order = ORDER(e->next_order++);
        class_insert_later(e, j);
    } else {
        end_job(e, j, ev, x);
    }
    free(stop_reason);
}
