/* Cancellation and termination. What waits ends at once; a placed run is marked, and the executor
 * told, when it is terminated; nothing happens to it when it is cancelled. (AWS: "Jobs that
 * progressed to the STARTING or RUNNING state aren't canceled".) */
#include "internal.h"

static void stop_array(engine *e, array *a, bool terminate, const char *reason)
{
    if (!a->stop_reason)
        eng_set(&a->stop_reason, reason);
    eng_touch(e, &a->base);
    if (a->base.prev) {
        if (a->base.state == OB_JOB_SUBMITTED) {
            DL_DELETE(a->base.cls->queue->held, &a->base);
            a->base.prev = a->base.next = NULL;
        } else {
            eng_class_remove(e, &a->base);
        }
    }
    eng_bulk_move(e, a, OB_EV_STOP, reason);
    child *c, *tmp;
    DL_FOREACH_SAFE2(a->kids, c, tmp, knext)
    {
        eng_stop(e, &c->base, terminate, reason);
    }
    eng_array_check(e, a);
}

void eng_stop(engine *e, job *j, bool terminate, const char *reason)
{
    unsigned flag = terminate ? OB_FLAG_TERMINATED : OB_FLAG_CANCELLED;
    if (ob_job_is_final((ob_job_state)j->state))
        return;
    if (j->is_array) {
        if (!(j->flags & flag)) {
            j->flags = (uint8_t)(j->flags | flag) & 7;
            stop_array(e, eng_as_array(j), terminate, reason);
        }
        return;
    }
    if (eng_placed(j)) {
        if (!terminate || (j->flags & OB_FLAG_TERMINATED))
            return;
        j->flags |= OB_FLAG_TERMINATED;
        eng_set(&j->placed->stop_reason, reason);
        eng_touch(e, j);
        ob_run_ref ref = eng_run_ref(j);
        eng_order(e, ORDER_STOP, j->placed->on->id, &ref);
        return;
    }
    if (j->prev) { /* else it was returned, or made, in this round */
        if (j->state == OB_JOB_SUBMITTED) {
            DL_DELETE(j->cls->queue->held, j);
            j->prev = j->next = NULL;
        } else {
            eng_class_remove(e, j);
        }
    }
    j->flags = (uint8_t)(j->flags | flag) & 7;
    ending x = { .reason = reason };
    eng_end(e, j, OB_EV_STOP, &x);
}

void eng_stop_ref(engine *e, const ob_job_ref *ref, bool terminate, const char *reason)
{
    job *j = eng_find(e, &ref->id, ref->index);
    if (j) {
        eng_stop(e, j, terminate, reason);
        return;
    }
    job *parent = ref->index >= 0 ? eng_find(e, &ref->id, -1) : NULL;
    if (!parent || !parent->is_array)
        return;
    array *a = eng_as_array(parent);
    if (!eng_in_bulk(a, ref->index) || ob_job_is_final(a->bulk_state))
        return;
    eng_leave_bulk(e, a, ref->index);
    eng_stop(e, &eng_child_new(e, a, ref->index)->base, terminate, reason);
}
