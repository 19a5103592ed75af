/* Admission: what was accepted becomes RUNNABLE, an array's parent PENDING with its children
 * RUNNABLE in bulk; what has to wait for others becomes PENDING (depend.c). A job of a queue that
 * is not known yet is held as SUBMITTED. */
#include "internal.h"

void eng_submit(engine *e, const engine_submission *s)
{
    if (eng_find(e, &s->id, -1))
        return;
    queue *q = eng_queue(e, s->queue_id);
    class *cls = eng_class(e, q, &s->need, s->share, s->priority);
    job *j = s->array_size > 0 ? &eng_array_new(e, &s->id, cls, s->array_size)->base
                               : eng_single_new(e, &s->id, cls);
    j->at_ms = s->created_at_ms;
    j->order = ORDER(e->next_order++);
    j->terms = eng_terms_get(e, &s->terms);
    if (q->deleting) {
        eng_stop(e, j, true, QUEUE_DELETED);
        return;
    }
    if (s->failure)
        eng_fail(e, j, s->failure);
    else
        eng_wait(e, j, s->deps, s->n_deps);
    if (ob_job_is_final((ob_job_state)j->state))
        return; /* so it has, or what it depends on */
    if (q->known) {
        eng_admit(e, j);
    } else {
        DL_APPEND(q->held, j);
        eng_touch(e, j); /* a row, so that it is not forgotten */
    }
}

void eng_admit(engine *e, job *j)
{
    ob_job_event ev = j->waits ? OB_EV_HOLD : OB_EV_ADMIT;
    if (!eng_move(e, j, j->is_array ? OB_EV_HOLD : ev))
        return;
    j->at_ms = eng_at(e, j);
    eng_event(e, j, NULL);
    if (j->is_array)
        eng_bulk_move(e, eng_as_array(j), ev, NULL);
    if (j->waits)
        eng_wait_begin(e, j);
    else if (!j->is_array || eng_as_array(j)->bulk > 0)
        eng_class_insert(e, j);
}
