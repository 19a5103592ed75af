/* Arrays. While children are like their siblings they are one unit, the bulk: a count, a lowest
 * index and, once some in the middle have left, a bitmap. Invariants: counts sum to size; bulk is
 * the number of children without a record that still wait (0 once the bulk has failed); the parent
 * waits in its class exactly while bulk > 0 and bulk_state is RUNNABLE. */
#include "internal.h"

bool eng_in_bulk(const array *a, int32_t index)
{
    if (index < a->low || index >= a->size)
        return false;
    return !a->left || !(a->left[index / 64] >> (index % 64) & 1);
}

ob_job_state eng_child_state(const engine *e, const array *a, int32_t index)
{
    if (index < 0 || index >= a->size)
        return OB_JOB_FAILED;
    if (eng_in_bulk(a, index))
        return a->bulk_state;
    const job *c = eng_find(e, &a->base.id, index);
    if (c)
        return (ob_job_state)c->state;
    bool failed = a->failed && (a->failed[index / 64] >> (index % 64) & 1);
    return failed ? OB_JOB_FAILED : OB_JOB_SUCCEEDED;
}

static void set_bit(const array *a, uint64_t **bits, int32_t index)
{
    if (!*bits)
        *bits = ob_calloc((size_t)a->size / 64 + 1, sizeof(**bits));
    (*bits)[index / 64] |= (uint64_t)1 << (index % 64);
}

void eng_child_failed(array *a, int32_t index)
{
    set_bit(a, &a->failed, index);
}

void eng_leave_bulk(engine *e, array *a, int32_t index)
{
    if (index == a->low) {
        do
            a->low++;
        while (a->low < a->size && !eng_in_bulk(a, a->low));
    } else {
        set_bit(a, &a->left, index);
    }
    if (a->bulk_state == OB_JOB_RUNNABLE)
        eng_class_take(e, a);
    else if (a->bulk > 0)
        a->bulk--;
}

child *eng_next_child(engine *e, array *a)
{
    int32_t index = a->low;
    eng_leave_bulk(e, a, index);
    return eng_child_new(e, a, index);
}

void eng_bulk_move(engine *e, array *a, ob_job_event ev, const char *reason)
{
    int to = ob_job_next(a->bulk_state, ev);
    if (to < 0 || a->bulk == 0)
        return;
    a->counts[a->bulk_state] -= a->bulk;
    a->counts[to] += a->bulk;
    a->bulk_state = (ob_job_state)to;
    eng_touch(e, &a->base);
    bool ends = ob_job_is_final(a->bulk_state);
    if (ends) {
        a->bulk = 0;
        eng_set(&a->bulk_reason, reason);
    }
    ending x = { .reason = reason, .stopped_at_ms = ends ? eng_at(e, &a->base) : 0 };
    if (ends)
        eng_bulk_ended(e, a);
    for (int32_t lo = a->low; lo < a->size;) {
        int32_t hi = lo;
        while (hi + 1 < a->size && eng_in_bulk(a, hi + 1))
            hi++;
        eng_event_range(e, a, lo, hi, &x);
        for (lo = hi + 1; lo < a->size && !eng_in_bulk(a, lo);)
            lo++;
    }
}

void eng_array_check(engine *e, array *a)
{
    int32_t failed = a->counts[OB_JOB_FAILED];
    if (failed + a->counts[OB_JOB_SUCCEEDED] < a->size ||
        ob_job_is_final((ob_job_state)a->base.state))
        return;
    int64_t at = eng_at(e, &a->base);
    ending x = { .stopped_at_ms = at > a->last_ms ? at : a->last_ms };
    ob_job_event ev = OB_EV_EXIT_OK;
    if (failed > 0) {
        ev = a->base.flags || a->base.state == OB_JOB_SUBMITTED ? OB_EV_STOP : OB_EV_EXIT_FAIL;
        x.reason = a->stop_reason ? a->stop_reason : "Array Child Job failed";
    }
    if (a->base.state == OB_JOB_SUBMITTED && a->base.prev) {
        DL_DELETE(a->base.cls->queue->held, &a->base);
        a->base.prev = a->base.next = NULL;
    }
    eng_end(e, &a->base, ev, &x);
}
