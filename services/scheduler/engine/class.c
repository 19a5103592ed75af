/* Classes: jobs of one queue with one shape, share and priority, waiting in order of admission. If
 * one of them fits, all do, so a round looks at classes and never at waiting jobs.
 *
 * Invariants: n_waiting is the number of jobs and bulk children in the list; the list is sorted by
 * (order, index), an array after its children. A class exists while a job points to it or its
 * reason is stored. */
#include "class.h"

#include <stdlib.h>

#include "arena.h"
#include "share.h"

_Static_assert(sizeof(struct class_key) == sizeof(ob_resources) + sizeof(int32_t) + sizeof(share *),
               "hashed byte by byte: no padding");

class *
class_get(engine *e, queue *q, const ob_resources *need, const char *share_name, int32_t priority)
{
    struct class_key key = { .need = *need,
                             .priority = priority,
                             .share = share_get(q, share_name) };
    class *cls = NULL;
    HASH_FIND(hh, q->classes, &key, sizeof(key), cls);
    if (!cls) {
        cls = ob_calloc(1, sizeof(*cls));
        cls->queue = q;
        cls->key = key;
        HASH_ADD(hh, q->classes, key, sizeof(cls->key), cls);
        cls->share->n_classes++;
        e->n_classes++;
    }
    return cls;
}

void class_free(engine *e, class *cls)
{
    HASH_DEL(cls->queue->classes, cls);
    cls->share->n_classes--;
    share_free_if_unused(cls->share);
    e->n_classes--;
    free(cls);
}

static size_t units(job *j)
{
    return j->is_array ? (size_t)job_as_array(j)->bulk : 1;
}

static void insert(engine *e, job *j, job *next)
{
    if (next)
        DL_PREPEND_ELEM(j->cls->waiting, next, j);
    else
        DL_APPEND(j->cls->waiting, j);
    j->cls->n_waiting += units(j);
    e->n_waiting += units(j);
    j->cls->queue->changes++;
}

void class_insert(engine *e, job *j)
{
    job *head = j->cls->waiting, *next = NULL;
    job *last = head ? head->prev : NULL; /* utlist: the head's prev is the tail */
    for (; last && job_is_before(j, last); last = last == head ? NULL : last->prev)
        next = last;
    insert(e, j, next);
}

void class_remove(engine *e, job *j)
{
    j->cls->n_waiting -= units(j);
    e->n_waiting -= units(j);
    j->cls->queue->changes++;
    DL_DELETE(j->cls->waiting, j);
    j->prev = j->next = NULL;
}

void class_take_child(engine *e, array *a)
{
    class *cls = a->base.cls;
    cls->n_waiting--;
    e->n_waiting--;
    cls->queue->changes++;
    if (--a->bulk == 0) {
        DL_DELETE(cls->waiting, &a->base);
        a->base.prev = a->base.next = NULL;
    }
}

void class_insert_later(engine *e, job *j)
{
    j->prev = j->next = NULL;
    *LIST_ADD(e, returned) = j;
}

bool class_awaits(job *j)
{
    if (!j->is_array)
        return j->state == OB_JOB_RUNNABLE;
    return job_as_array(j)->bulk > 0 && job_as_array(j)->bulk_state == OB_JOB_RUNNABLE;
}

static int by_class(const void *a, const void *b)
{
    const job *x = *(job *const *)a, *y = *(job *const *)b;
    if (x->cls != y->cls)
        return x->cls < y->cls ? -1 : 1;
    return job_is_before(x, y) ? -1 : job_is_before(y, x) ? 1 : 0;
}

/* In order, so that each class is traversed at most once. */
void class_insert_returned(engine *e)
{
    if (e->n_returned > 0)
        qsort(e->returned, e->n_returned, sizeof(job *), by_class);
    const class *cls = NULL;
    job *next = NULL; /* in cls, after the last inserted job */
    for (size_t i = 0; i < e->n_returned; i++) {
        job *j = e->returned[i];
        if (!class_awaits(j))
            continue;
        if (!cls || j->cls != cls)
            next = j->cls->waiting;
        cls = j->cls;
        if (next && job_is_before(cls->waiting->prev, j)) /* the tail */
            next = NULL;
        while (next && job_is_before(next, j))
            next = next->next;
        insert(e, j, next);
    }
    e->n_returned = 0;
}
