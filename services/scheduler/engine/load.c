/* Loading what the database says. Nothing comes of it but the state itself; rows were written by
 * rounds, so they are taken as they are. */
#include "internal.h"

/* A child that has a record, or has ended, is out of its parent's bulk. */
static bool leave(engine *e, array *a, int32_t index, int state)
{
    if (!eng_in_bulk(a, index))
        return false;
    eng_leave_bulk(e, a, index);
    a->counts[a->bulk_state]--;
    a->counts[state]++;
    return true;
}

static job *load_array(engine *e, const engine_job_row *row, class *cls)
{
    array *a = eng_array_new(e, &row->id, cls, row->array_size);
    a->counts[OB_JOB_SUBMITTED] = 0;
    a->counts[row->bulk_state] = a->size;
    a->bulk_state = row->bulk_state;
    if (ob_job_is_final(row->bulk_state))
        a->bulk = 0;
    eng_set(&a->bulk_reason, row->bulk_reason);
    eng_set(&a->stop_reason, row->stop_reason);
    a->last_ms = row->told_at_ms;
    return &a->base;
}

static void load_run(engine *e, job *j, const engine_job_row *row)
{
    run *r = eng_run_add(e, j, eng_instance_get(e, row->instance_id ? row->instance_id : ""));
    r->started_at_ms = row->started_at_ms;
    r->told_at_ms = row->told_at_ms;
    if (row->state == OB_JOB_RUNNING)
        eng_timeout_begin(e, r, row->running_for_ms);
    /* Of one that is STARTING nobody stored whether it was: ordered again, its executor, which
     * forgets nothing that it took before its end is committed, begins it only if it never did. */
    r->reported = row->state == OB_JOB_RUNNING;
    eng_set(&r->stop_reason, row->stop_reason);
    j->ended = ENDED(row->attempt > 0 ? row->attempt - 1 : 0);
}

void engine_load(engine *e, const engine_job_row *row)
{
    if (eng_find(e, &row->id, row->index))
        return;
    queue *q = eng_queue(e, row->queue_id);
    job *j;
    if (row->index >= 0) {
        job *parent = eng_find(e, &row->id, -1);
        if (!parent || !parent->is_array || row->index >= eng_as_array(parent)->size ||
            !leave(e, eng_as_array(parent), row->index, row->state))
            return;
        j = &eng_child_new(e, eng_as_array(parent), row->index)->base;
    } else {
        class *cls = eng_class(e, q, &row->need, row->share, row->priority);
        j = row->array_size > 0 ? load_array(e, row, cls) : eng_single_new(e, &row->id, cls);
        j->terms = eng_terms_get(e, &row->terms);
    }
    j->order = ORDER(row->order);
    j->stored = 1;
    j->state = (uint8_t)row->state & 7;
    j->flags = (uint8_t)row->flags & 7;
    j->last_run = row->run;
    j->ended = ENDED(row->attempt);
    j->at_ms = row->runnable_at_ms > row->created_at_ms ? row->runnable_at_ms : row->created_at_ms;
    if (row->order >= e->next_order)
        e->next_order = row->order + 1;
    if (eng_placed(j)) {
        load_run(e, j, row);
    } else if (j->state == OB_JOB_SUBMITTED) {
        DL_APPEND(q->held, j);
        q->sweep = true;
    } else if (j->state == OB_JOB_RUNNABLE && j->ended > 0) {
        eng_return(e, j); /* far from where its id would put it */
    } else if (j->state == OB_JOB_RUNNABLE || (j->is_array && eng_as_array(j)->bulk > 0 &&
                                               eng_as_array(j)->bulk_state == OB_JOB_RUNNABLE)) {
        eng_class_insert(e, j);
    }
    eng_wait_load(e, j, row->deps, row->n_deps, row->waits);
    e->dirty = true;
}

void engine_load_done_child(engine *e, const ob_uuid *id, int32_t index, ob_job_state state)
{
    job *parent = eng_find(e, id, -1);
    if (parent && parent->is_array && !eng_find(e, id, index) &&
        leave(e, eng_as_array(parent), index, (int)state) && state == OB_JOB_FAILED)
        eng_child_failed(eng_as_array(parent), index);
}

void engine_load_class_reason(engine *e, const effect_reason *row)
{
    class *cls = eng_class(e, eng_queue(e, row->queue_id), &row->need, row->share, row->priority);
    eng_set(&cls->reason, row->reason);
    cls->code_since_ms = row->since_ms;
    if (cls->queue->blocked_told_ms < row->since_ms) /* told when it was written */
        cls->queue->blocked_told_ms = row->since_ms;
    e->dirty = true;
}
