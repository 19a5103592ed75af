/* Cancellation and termination. A waiting job ends at once. A placed run that is terminated is
 * marked, and its executor gets an order; one that is cancelled continues. (AWS: "Jobs that
 * progressed to the STARTING or RUNNING state aren't canceled".) */
#include "stop.h"

#include "arena.h"
#include "array.h"
#include "class.h"
#include "effects.h"
#include "job_table.h"
#include "moves.h"

static void stop_array(engine *e, array *a, bool terminate, const char *reason)
{
    if (!a->stop_reason)
        set_text(&a->stop_reason, reason);
    effects_touch(e, &a->base);
    if (a->base.prev) {
        if (a->base.state == OB_JOB_SUBMITTED)
            job_leave_held(&a->base);
        else
            class_remove(e, &a->base);
    }
    move_bulk(e, a, OB_EV_STOP, reason);
    child *c, *tmp;
    DL_FOREACH_SAFE2(a->kids, c, tmp, knext)
    {
        stop_job(e, &c->base, terminate, reason);
    }
    end_array_if_over(e, a);
}

void stop_job(engine *e, job *j, bool terminate, const char *reason)
{
    unsigned flag = terminate ? OB_FLAG_TERMINATED : OB_FLAG_CANCELLED;
    if (ob_job_is_final((ob_job_state)j->state))
        return;
    if (j->is_array) {
        if (!(j->flags & flag)) {
            j->flags = (uint8_t)(j->flags | flag) & 7;
            stop_array(e, job_as_array(j), terminate, reason);
        }
        return;
    }
    if (job_is_placed(j)) {
        if (!terminate || (j->flags & OB_FLAG_TERMINATED))
            return;
        j->flags |= OB_FLAG_TERMINATED;
        set_text(&j->placed->stop_reason, reason);
        effects_touch(e, j);
        ob_run_ref ref = job_run_ref(j);
        effects_add_order(e, ORDER_STOP, j->placed->on->id, &ref);
        return;
    }
    if (j->prev) { /* else it was returned, or made, in this round */
        if (j->state == OB_JOB_SUBMITTED)
            job_leave_held(j);
        else
            class_remove(e, j);
    }
    j->flags = (uint8_t)(j->flags | flag) & 7;
    ending x = { .reason = reason };
    end_job(e, j, OB_EV_STOP, &x);
}

void stop_ref(engine *e, const ob_job_ref *ref, bool terminate, const char *reason)
{
    job *j = job_find(e, &ref->id, ref->index);
    if (j) {
        stop_job(e, j, terminate, reason);
        return;
    }
    job *parent = ref->index >= 0 ? job_find(e, &ref->id, -1) : NULL;
    if (!parent || !parent->is_array)
        return;
    array *a = job_as_array(parent);
    if (!array_in_bulk(a, ref->index) || ob_job_is_final(a->bulk_state))
        return;
    array_leave_bulk(e, a, ref->index);
    stop_job(e, &job_add_child(e, a, ref->index)->base, terminate, reason);
}
