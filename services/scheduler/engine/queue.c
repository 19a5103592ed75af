/* Queues: levels put by the service, and the order in which they are served. A queue that is named
 * by a job before it is known is kept as unknown, its jobs SUBMITTED. */
#include "internal.h"

queue *eng_queue(engine *e, int64_t id)
{
    queue *q = NULL;
    HASH_FIND(hh, e->queues, &id, sizeof(id), q);
    if (!q) {
        q = ob_calloc(1, sizeof(*q));
        q->id = id;
        q->all.queue = q;
        q->cap_mcpu = INT64_MAX;
        HASH_ADD(hh, e->queues, id, sizeof(q->id), q);
        e->topology++;
        e->n_by_priority = 0;
    }
    return q;
}

static void free_limits(queue *q)
{
    for (size_t i = 0; i < q->n_limits; i++)
        free(q->limits[i].code);
    free(q->limits);
    q->limits = NULL;
    q->n_limits = 0;
}

static void put_limits(queue *q, const engine_queue *put)
{
    free_limits(q);
    q->limits = ob_calloc(put->n_limits + 1, sizeof(*q->limits));
    for (; q->n_limits < put->n_limits; q->n_limits++) {
        q->limits[q->n_limits].code = ob_strdup(put->limits[q->n_limits].code);
        q->limits[q->n_limits].ms = (int64_t)put->limits[q->n_limits].seconds * 1000;
    }
}

static void free_queue(queue *q)
{
    share *s, *tmp;
    HASH_ITER(hh, q->shares, s, tmp)
    {
        eng_share_free(s);
    }
    eng_policy_put(q, NULL);
    free_limits(q);
    free(q->all.work);
    free(q->front);
    free(q->name);
    free(q);
}

void engine_put_queue(engine *e, const engine_queue *put)
{
    queue *q = eng_queue(e, put->id);
    q->known = true;
    q->priority = put->priority;
    if (!q->name || strcmp(q->name, put->name) != 0)
        eng_set(&q->name, put->name);
    q->sweep = q->sweep || q->held || (put->deleting && !q->deleting);
    q->deleting = put->deleting;
    q->n_ces = put->n_ces < ENGINE_MAX_CES ? put->n_ces : ENGINE_MAX_CES;
    bool same_ces = true;
    for (size_t i = 0; i < q->n_ces; i++) {
        same_ces = same_ces && q->ces[i] && q->ces[i]->id == put->ces[i];
        q->ces[i] = eng_ce(e, put->ces[i]);
    }
    if (q->keeper && !same_ces)
        eng_keep_end(e, q);
    eng_policy_put(q, put->policy);
    put_limits(q, put);
    e->topology++;
    e->n_by_priority = 0;
    e->dirty = true;
}

void engine_drop_queue(engine *e, int64_t id)
{
    queue *q = NULL;
    HASH_FIND(hh, e->queues, &id, sizeof(id), q);
    if (!q)
        return;
    /* Its jobs, should there be any, end; the record goes when the last has gone. */
    q->known = false;
    q->sweep = q->sweep || !q->deleting;
    q->deleting = true;
    e->dirty = true;
}

bool engine_queue_empty(const engine *e, int64_t id)
{
    queue *q = NULL;
    HASH_FIND(hh, e->queues, &id, sizeof(id), q);
    return !q || q->n_jobs == 0;
}

static int higher_first(const void *a, const void *b)
{
    const queue *x = *(queue *const *)a, *y = *(queue *const *)b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void eng_queues_sort(engine *e)
{
    if (e->n_by_priority > 0)
        return;
    queue *q, *tmp;
    HASH_ITER(hh, e->queues, q, tmp)
    {
        *LIST_ADD(e, by_priority) = q;
    }
    if (e->n_by_priority > 0)
        qsort(e->by_priority, e->n_by_priority, sizeof(queue *), higher_first);
}

/* Ends what a deleted queue has, so many jobs a round: the transaction of a round must stay short.
 * Returns false when some are left; none of them is placed (place.c). */
#define ENDS_A_ROUND 2000
static bool end_all(engine *e, queue *q)
{
    int left = ENDS_A_ROUND;
    for (; q->held && left > 0; left--)
        eng_stop(e, q->held, true, QUEUE_DELETED);
    array *a, *atmp;
    DL_FOREACH_SAFE2(q->arrays, a, atmp, anext)
    {
        if (a->base.flags & OB_FLAG_TERMINATED)
            continue; /* children run still */
        if (left-- <= 0)
            return false;
        eng_stop(e, &a->base, true, QUEUE_DELETED);
    }
    class *cls, *ctmp;
    HASH_ITER(hh, q->classes, cls, ctmp)
    {
        for (; cls->waiting && left > 0; left--)
            eng_stop(e, cls->waiting, true, QUEUE_DELETED);
    }
    eng_waiters_stop(e, q, QUEUE_DELETED, &left);
    if (left <= 0)
        return false;
    instance *i, *itmp;
    HASH_ITER(hh, e->instances, i, itmp)
    {
        for (run *r = i->runs; r; r = r->rnext)
            if (r->job->cls->queue == q)
                eng_stop(e, r->job, true, QUEUE_DELETED);
    }
    return true;
}

static void admit_held(engine *e, queue *q)
{
    while (q->held) {
        job *j = q->held;
        DL_DELETE(q->held, j);
        j->prev = j->next = NULL;
        eng_admit(e, j);
    }
}

void eng_queues_sweep(engine *e)
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
        if (!q->known && q->n_jobs == 0 && !q->classes) {
            HASH_DEL(e->queues, q);
            free_queue(q);
            e->n_by_priority = 0;
            e->topology++;
        }
    }
}

void eng_queues_free(engine *e)
{
    queue *q, *tmp;
    HASH_ITER(hh, e->queues, q, tmp)
    {
        class *cls, *ctmp;
        HASH_ITER(hh, q->classes, cls, ctmp)
        {
            HASH_DEL(q->classes, cls);
            free(cls->reason);
            free(cls);
        }
        HASH_DEL(e->queues, q);
        free_queue(q);
    }
    free(e->by_priority);
}
