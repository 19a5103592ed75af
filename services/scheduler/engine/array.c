/* Arrays. While children are like their siblings they are one unit, the bulk: a count, a lowest
 * index and, once some in the middle have left, a bitmap.
 *
 * Invariants: counts add up to size; bulk is the number of waiting children without a record (0
 * once the bulk has failed); the parent waits in its class exactly while bulk > 0 and bulk_state is
 * RUNNABLE. */
#include "array.h"

#include "class.h"
#include "job_table.h"

bool array_in_bulk(const array *a, int32_t index)
{
    if (index < a->low || index >= a->size)
        return false;
    return !a->left || !(a->left[index / 64] >> (index % 64) & 1);
}

ob_job_state array_child_state(const engine *e, const array *a, int32_t index)
{
    if (index < 0 || index >= a->size)
        return OB_JOB_FAILED;
    if (array_in_bulk(a, index))
        return a->bulk_state;
    const job *c = job_find(e, &a->base.id, index);
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

void array_note_failed(array *a, int32_t index)
{
    set_bit(a, &a->failed, index);
}

void array_leave_bulk(engine *e, array *a, int32_t index)
{
    if (index == a->low) {
        do
            a->low++;
        while (a->low < a->size && !array_in_bulk(a, a->low));
    } else {
        set_bit(a, &a->left, index);
    }
    if (a->bulk_state == OB_JOB_RUNNABLE)
        class_take_child(e, a);
    else if (a->bulk > 0)
        a->bulk--;
}

child *array_take_next(engine *e, array *a)
{
    int32_t index = a->low;
    array_leave_bulk(e, a, index);
    return job_add_child(e, a, index);
}
