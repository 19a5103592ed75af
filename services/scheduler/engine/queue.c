/* Queues: levels put by the service, and the order in which they are served. A queue that a job
 * names before it is known is kept as unknown, with its jobs SUBMITTED. */
#include "queue.h"

#include "arena.h"
#include "ce.h"
#include "keep.h"
#include "share.h"

queue *queue_get(engine *e, int64_t id)
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

void queue_free(engine *e, queue *q)
{
    HASH_DEL(e->queues, q);
    e->n_by_priority = 0;
    e->topology++;
    share *s, *tmp;
    HASH_ITER(hh, q->shares, s, tmp)
    {
        share_free(s);
    }
    share_set_policy(q, NULL);
    free_limits(q);
    free(q->all.work);
    free(q->front);
    free(q->name);
    free(q);
}

void engine_put_queue(engine *e, const engine_queue *put)
{
    queue *q = queue_get(e, put->id);
    q->known = true;
    q->priority = put->priority;
    if (!q->name || strcmp(q->name, put->name) != 0)
        set_text(&q->name, put->name);
    q->sweep = q->sweep || q->held || (put->deleting && !q->deleting);
    q->deleting = put->deleting;
    q->n_ces = put->n_ces < ENGINE_MAX_CES ? put->n_ces : ENGINE_MAX_CES;
    bool same_ces = true;
    for (size_t i = 0; i < q->n_ces; i++) {
        same_ces = same_ces && q->ces[i] && q->ces[i]->id == put->ces[i];
        q->ces[i] = ce_get(e, put->ces[i]);
    }
    if (q->keeper && !same_ces)
        keep_end(e, q);
    share_set_policy(q, put->policy);
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
    /* Its jobs, if there are any, end; the record is freed with the last one. */
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

void queues_sort(engine *e)
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

void queues_free(engine *e)
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
        queue_free(e, q);
    }
    free(e->by_priority);
}
