/* Admission: an accepted job becomes RUNNABLE; an array's parent PENDING with its children RUNNABLE
 * in bulk; a job that must wait for others PENDING (dependencies.c). A job of an unknown queue is
 * held as SUBMITTED. */
#include "admit.h"

#include "class.h"
#include "dependencies.h"
#include "effects.h"
#include "job_table.h"
#include "moves.h"
#include "queue.h"
#include "stop.h"
#include "terms.h"

job *admit_record(engine *e, const engine_submission *s)
{
    queue *q = queue_get(e, s->queue_id);
    class *cls = class_get(e, q, &s->need, s->share, s->priority);
    job *j = s->array_size > 0 ? &job_add_array(e, &s->id, cls, s->array_size)->base
                               : job_add_single(e, &s->id, cls);
    j->at_ms = s->created_at_ms;
    j->terms = terms_take(e, &s->terms);
    return j;
}

void admit_submission(engine *e, const engine_submission *s)
{
    if (job_find(e, &s->id, -1))
        return;
    job *j = admit_record(e, s);
    queue *q = j->cls->queue;
    j->order = ORDER(e->next_order++);
    if (q->deleting) {
        stop_job(e, j, true, QUEUE_DELETED);
        return;
    }
    if (s->failure)
        dependencies_fail(e, j, s->failure);
    else
        dependencies_wait(e, j, s->deps, s->n_deps);
    if (ob_job_is_final((ob_job_state)j->state))
        return; /* it has failed, or its dependency has */
    if (q->known) {
        admit_job(e, j);
    } else {
        DL_APPEND(q->held, j);
        effects_touch(e, j); /* a row, so that it is not lost */
    }
}

void admit_job(engine *e, job *j)
{
    ob_job_event ev = j->waits ? OB_EV_HOLD : OB_EV_ADMIT;
    if (!move_job(e, j, j->is_array ? OB_EV_HOLD : ev))
        return;
    j->at_ms = effects_time(e, j);
    effects_add_event(e, j, NULL);
    if (j->is_array)
        move_bulk(e, job_as_array(j), ev, NULL);
    if (j->waits)
        dependencies_begin(e, j);
    else if (!j->is_array || job_as_array(j)->bulk > 0)
        class_insert(e, j);
}
