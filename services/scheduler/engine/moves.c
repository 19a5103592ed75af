/* The only place that changes states: of a job, of an array's bulk, and the ends of both. A move
 * that is not in the state table is counted and changes nothing. Invariant: an array's counts
 * follow its children's states; it ends with its last child. */
#include "moves.h"

#include "arena.h"
#include "array.h"
#include "effects.h"
#include "job_table.h"
#include "minmax.h"
#include "waiters.h"

bool move_job(engine *e, job *j, ob_job_event ev)
{
    int to = ob_job_next((ob_job_state)j->state, ev);
    if (to < 0) {
        e->ignored++;
        return false;
    }
    if (j->index != NO_INDEX) {
        array *a = job_as_child(j)->parent;
        a->counts[j->state]--;
        a->counts[to]++;
        effects_touch(e, &a->base);
    }
    queue_count(j->cls->queue, j->index != NO_INDEX, j->state, to, 1);
    j->state = (uint8_t)to & 7;
    effects_touch(e, j);
    return true;
}

static void count_ends(queue *q, ob_job_state state, int32_t n)
{
    *(state == OB_JOB_SUCCEEDED ? &q->n_succeeded : &q->n_failed) += n;
}

void end_job(engine *e, job *j, ob_job_event ev, ending *x)
{
    if (!move_job(e, j, ev))
        return;
    if (!j->is_array)
        count_ends(j->cls->queue, (ob_job_state)j->state, 1);
    if (x->stopped_at_ms == 0)
        x->stopped_at_ms = max_i64(e->shown_ms, j->at_ms);
    effects_add_done(e, j, x);
    effects_add_event(e, j, x);
    waiters_note_end(e, j);
    job_forget(e, j);
    if (j->index != NO_INDEX) {
        array *a = job_as_child(j)->parent;
        if (j->state == OB_JOB_FAILED)
            array_note_failed(a, j->index);
        a->last_ms = max_i64(a->last_ms, x->stopped_at_ms);
        end_array_if_over(e, a);
    }
}

void move_bulk(engine *e, array *a, ob_job_event ev, const char *reason)
{
    int to = ob_job_next(a->bulk_state, ev);
    if (to < 0 || a->bulk == 0)
        return;
    a->counts[a->bulk_state] -= a->bulk;
    a->counts[to] += a->bulk;
    queue_count(a->base.cls->queue, true, (int)a->bulk_state, to, a->bulk);
    a->bulk_state = (ob_job_state)to;
    effects_touch(e, &a->base);
    bool ends = ob_job_is_final(a->bulk_state);
    if (ends) {
        count_ends(a->base.cls->queue, a->bulk_state, a->bulk);
        a->bulk = 0;
        set_text(&a->bulk_reason, reason);
    }
    ending x = { .reason = reason, .stopped_at_ms = ends ? effects_time(e, &a->base) : 0 };
    if (ends)
        waiters_note_bulk_end(e, a);
    for (int32_t lo = a->low; lo < a->size;) {
        int32_t hi = lo;
        while (hi + 1 < a->size && array_in_bulk(a, hi + 1))
            hi++;
        effects_add_bulk_event(e, a, lo, hi, &x);
        for (lo = hi + 1; lo < a->size && !array_in_bulk(a, lo);)
            lo++;
    }
}

void end_array_if_over(engine *e, array *a)
{
    int32_t failed = a->counts[OB_JOB_FAILED];
    if (failed + a->counts[OB_JOB_SUCCEEDED] < a->size ||
        ob_job_is_final((ob_job_state)a->base.state))
        return;
    int64_t at = effects_time(e, &a->base);
    ending x = { .stopped_at_ms = at > a->last_ms ? at : a->last_ms };
    ob_job_event ev = OB_EV_EXIT_OK;
    if (failed > 0) {
        ev = a->base.flags || a->base.state == OB_JOB_SUBMITTED ? OB_EV_STOP : OB_EV_EXIT_FAIL;
        x.reason = a->stop_reason ? a->stop_reason : "Array Child Job failed";
    }
    job_leave_held(&a->base);
    end_job(e, &a->base, ev, &x);
}
