/* What follows for jobs when a queue becomes known or is deleted: held jobs are admitted, or all
 * its jobs are ended. Also frees queues and classes that nothing refers to any more. */
#include "queue_sweep.h"

#include "admit.h"
#include "class.h"
#include "keep.h"
#include "queue.h"
#include "stop.h"
#include "waiters.h"

/* Limits the jobs of a round, because its transaction must stay short. */
#define ENDS_A_ROUND 2000

/* Single jobs; the arrays of the queue are stopped before. */
static void stop_waiting(engine *e, const queue *q, int *left)
{
    waiter *w, *tmp;
    HASH_ITER(hh, e->waiters, w, tmp)
    {
        if (*left <= 0)
            return;
        if (w->job->cls->queue != q || w->job->is_array)
            continue;
        stop_job(e, w->job, true, QUEUE_DELETED);
        --*left;
    }
}

/* Returns false if some are left; none of them is placed (place.c). */
static bool end_all(engine *e, queue *q)
{
    int left = ENDS_A_ROUND;
    for (; q->held && left > 0; left--)
        stop_job(e, q->held, true, QUEUE_DELETED);
    array *a, *atmp;
    DL_FOREACH_SAFE2(q->arrays, a, atmp, anext)
    {
        if (a->base.flags & OB_FLAG_TERMINATED)
            continue; /* children run still */
        if (left-- <= 0)
            return false;
        stop_job(e, &a->base, true, QUEUE_DELETED);
    }
    class *cls, *ctmp;
    HASH_ITER(hh, q->classes, cls, ctmp)
    {
        for (; cls->waiting && left > 0; left--)
            stop_job(e, cls->waiting, true, QUEUE_DELETED);
    }
    stop_waiting(e, q, &left);
    if (left <= 0)
        return false;
    instance *i, *itmp;
    HASH_ITER(hh, e->instances, i, itmp)
    {
        for (run *r = i->runs; r; r = r->rnext)
            if (r->job->cls->queue == q)
                stop_job(e, r->job, true, QUEUE_DELETED);
    }
    return true;
}

static void admit_held(engine *e, queue *q)
{
    while (q->held) {
        job *j = q->held;
        job_leave_held(j);
        admit_job(e, j);
    }
}

/* Has it nothing that a later job must find? The counts of a queue that is not known yet are not
 * loaded again. */
static bool is_empty(const queue *q)
{
    bool counted = q->counts.jobs[OB_JOB_SUCCEEDED] + q->counts.jobs[OB_JOB_FAILED] > 0;
    return q->n_jobs == 0 && !q->classes && (q->deleting || !counted);
}

void queues_sweep(engine *e)
{
    queue *q, *tmp;
    HASH_ITER(hh, e->queues, q, tmp)
    {
        bool swept = true;
        if (q->sweep && q->deleting)
            swept = end_all(e, q);
        else if (q->sweep && q->known)
            admit_held(e, q);
        q->sweep = !swept;
        e->dirty = e->dirty || q->sweep;
        if (!q->known && is_empty(q))
            queue_free(e, q);
    }
}

void queues_end_returned(engine *e)
{
    for (size_t i = 0; i < e->n_returned; i++) {
        job *j = e->returned[i];
        if (j->cls->queue->deleting && class_awaits(j))
            stop_job(e, j, true, QUEUE_DELETED);
    }
}

void queues_drop_unused_classes(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        class *cls, *tmp;
        HASH_ITER(hh, q->classes, cls, tmp)
        {
            if (cls->n_jobs > 0 || cls->reason)
                continue;
            if (q->keeper == cls)
                keep_end(e, q);
            class_free(e, cls);
        }
    }
}
