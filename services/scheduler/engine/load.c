/* Loads the database's rows. The only result is the state itself; rounds wrote the rows, so they
 * are used unchanged. */
#include "engine.h"

#include "admit.h"
#include "arena.h"
#include "array.h"
#include "class.h"
#include "dependencies.h"
#include "instance.h"
#include "job_table.h"
#include "minmax.h"
#include "model.h"
#include "queue.h"
#include "share.h"
#include "timeout.h"

/* A child that has a record, or has ended, is not in its parent's bulk. */
static bool leave(engine *e, array *a, int32_t index, int state)
{
    if (!array_in_bulk(a, index))
        return false;
    array_leave_bulk(e, a, index);
    a->counts[a->bulk_state]--;
    a->counts[state]++;
    queue_count(a->base.cls->queue, true, (int)a->bulk_state, state, 1);
    return true;
}

static void load_bulk(array *a, const engine_job_row *row)
{
    a->counts[OB_JOB_SUBMITTED] = 0;
    a->counts[row->bulk_state] = a->size;
    queue_count(a->base.cls->queue, true, OB_JOB_SUBMITTED, (int)row->bulk_state, a->size);
    a->bulk_state = row->bulk_state;
    if (ob_job_is_final(row->bulk_state))
        a->bulk = 0;
    set_text(&a->bulk_reason, row->bulk_reason);
    set_text(&a->stop_reason, row->stop_reason);
    a->last_ms = row->published_at_ms;
}

/* NULL: its parent is not there, or has no such child any more. */
static job *load_child(engine *e, const engine_job_row *row)
{
    job *parent = job_find(e, &row->job.id, -1);
    if (!parent || !parent->is_array || row->index >= job_as_array(parent)->size ||
        !leave(e, job_as_array(parent), row->index, row->state))
        return NULL;
    return &job_add_child(e, job_as_array(parent), row->index)->base;
}

static void load_run(engine *e, job *j, const engine_job_row *row)
{
    run *r = run_add(e, j, instance_get(e, row->instance_id ? row->instance_id : ""));
    r->placed_at_ms = row->placed_at_ms;
    r->started_at_ms = row->started_at_ms;
    r->published_at_ms = row->published_at_ms;
    if (row->state == OB_JOB_RUNNING)
        timeout_start(e, r, row->running_for_ms);
    /* For a STARTING run it was not stored whether it was ordered. It is ordered again: its
     * executor forgets nothing that it accepted before the end is committed, so it starts the run
     * only if it never did. */
    r->reported = row->state == OB_JOB_RUNNING;
    set_text(&r->stop_reason, row->stop_reason);
    j->ended = ENDED(row->attempt > 0 ? row->attempt - 1 : 0);
}

void engine_load(engine *e, const engine_job_row *row)
{
    if (job_find(e, &row->job.id, row->index))
        return;
    job *j = row->index >= 0 ? load_child(e, row) : admit_record(e, &row->job);
    if (!j)
        return;
    queue *q = j->cls->queue;
    if (j->is_array)
        load_bulk(job_as_array(j), row);
    j->order = ORDER(row->order);
    j->stored = 1;
    if (row->index < 0) /* children: leave */
        queue_count(q, false, j->state, (int)row->state, 1);
    j->state = (uint8_t)row->state & 7;
    j->flags = (uint8_t)row->flags & 7;
    j->last_run = row->run;
    j->ended = ENDED(row->attempt);
    j->at_ms = max_i64(row->runnable_at_ms, row->job.created_at_ms);
    if (row->order >= e->next_order)
        e->next_order = row->order + 1;
    if (job_is_placed(j)) {
        load_run(e, j, row);
    } else if (j->state == OB_JOB_SUBMITTED) {
        DL_APPEND(q->held, j);
        q->sweep = true;
    } else if (j->state == OB_JOB_RUNNABLE && j->ended > 0) {
        class_insert_later(e, j); /* far from where its id would put it */
    } else if (class_awaits(j)) {
        class_insert(e, j);
    }
    dependencies_load(e, j, row->job.deps, row->job.n_deps, row->waits);
    e->dirty = true;
}

void engine_load_done_child(engine *e, const ob_uuid *id, int32_t index, ob_job_state state)
{
    job *parent = job_find(e, id, -1);
    if (parent && parent->is_array && !job_find(e, id, index) &&
        leave(e, job_as_array(parent), index, (int)state) && state == OB_JOB_FAILED)
        array_note_failed(job_as_array(parent), index);
}

void engine_load_class_reason(engine *e, const effect_reason *row)
{
    class *cls = class_get(e, queue_get(e, row->queue_id), &row->need, row->share, row->priority);
    set_text(&cls->reason, row->reason);
    cls->code_since_ms = row->since_ms;
    if (cls->queue->blocked_published_ms < row->since_ms) /* published when it was written */
        cls->queue->blocked_published_ms = row->since_ms;
    e->dirty = true;
}

void engine_load_share(engine *e, const effect_share *row)
{
    queue *q = queue_get(e, row->queue_id);
    share *s = share_get(q, row->share);
    s->usage = row->usage;
    s->at_ms = s->published_ms = s->seen_ms = row->at_ms;
    s->stored = true;
    share_set_active(s, row->active);
    s->changed = false;
    e->dirty = true;
}

static void set_ended(queue *q, const effect_counts *row, ob_job_state state)
{
    q->counts.jobs[state] = row->jobs[state];
    q->counts.children[state] = row->children[state];
}

void engine_load_counts(engine *e, const effect_counts *row)
{
    queue *q = queue_get(e, row->queue_id);
    set_ended(q, row, OB_JOB_SUCCEEDED);
    set_ended(q, row, OB_JOB_FAILED);
    q->counts_changed = true;
}

void engine_load_uncounted(engine *e, int64_t queue_id)
{
    queue_get(e, queue_id)->counts_changed = true;
}

void engine_load_ended(engine *e, int64_t queue_id, ob_job_state state, const int64_t *children)
{
    queue *q = queue_get(e, queue_id);
    queue_count(q, false, NO_STATE, (int)state, 1);
    for (int to = 0; children && to < OB_JOB_STATE_COUNT; to++)
        queue_count(q, true, NO_STATE, to, children[to]);
}

void engine_load_front(engine *e, int64_t queue_id, const engine_front *front, size_t n)
{
    queue *q = queue_get(e, queue_id);
    q->n_front = 0;
    for (size_t i = 0; i < n && i < ENGINE_FRONT_MAX; i++)
        *LIST_ADD(q, front) = front[i];
    q->front_owed = true;
    if (n > 0) {
        q->head.id = front[0].id;
        q->head.index = front[0].index;
        q->head.since_ms = front[0].since_ms;
        q->blocked_published_ms = max_i64(q->blocked_published_ms, front[0].since_ms);
    }
    e->dirty = true;
}
