/* Who waits for whom. Owns the waiters (jobs with open dependencies) and the targets (jobs and
 * children for which others wait).
 *
 * Invariants: a job waits exactly while it has a waiter; a waiter's mask is the one in its live
 * row; a target exists while it has an edge. Decides nothing: dependencies.c has what follows from
 * an end. */
#include "waiters.h"

#include "arena.h"

target *target_find(const engine *e, const ob_uuid *id, int32_t index)
{
    struct target_key key = { .id = *id, .index = index };
    target *t = NULL;
    HASH_FIND(hh, e->targets, &key, sizeof(key), t);
    return t;
}

waiter *waiter_find(const engine *e, const job *j)
{
    waiter *w = NULL;
    if (j->waits)
        HASH_FIND_PTR(e->waiters, &j, w);
    return w;
}

void waiter_add_edge(engine *e, waiter *w, size_t n, const engine_dependency *d, bool n_to_n)
{
    target *t = target_find(e, &d->id, d->index);
    if (!t) {
        t = ob_calloc(1, sizeof(*t));
        t->key = (struct target_key){ .id = d->id, .index = d->index };
        HASH_ADD(hh, e->targets, key, sizeof(t->key), t);
    }
    edge *x = &w->edges[n];
    *x = (edge){ .to = t, .from = w, .n_to_n = n_to_n };
    if (n_to_n) {
        DL_APPEND2(t->n_to_n, x, eprev, enext);
    } else {
        DL_APPEND2(t->plain, x, eprev, enext);
        w->plain |= 1u << n;
    }
    w->mask |= 1u << n;
}

void edge_remove(engine *e, edge *x)
{
    target *t = x->to;
    waiter *w = x->from;
    if (!t)
        return;
    uint32_t bit = 1u << (x - w->edges);
    if (x->n_to_n)
        DL_DELETE2(t->n_to_n, x, eprev, enext);
    else
        DL_DELETE2(t->plain, x, eprev, enext);
    x->to = NULL;
    w->mask &= ~bit;
    w->plain &= ~bit;
    if (!t->plain && !t->n_to_n) {
        HASH_DEL(e->targets, t);
        free(t);
    }
}

waiter *waiter_add(engine *e, job *j, size_t n)
{
    waiter *w = ob_calloc(1, sizeof(*w) + n * sizeof(w->edges[0]));
    w->job = j;
    w->n = n;
    HASH_ADD_PTR(e->waiters, job, w);
    j->waits = 1;
    return w;
}

void waiter_drop(engine *e, waiter *w)
{
    for (size_t i = 0; i < w->n; i++)
        edge_remove(e, &w->edges[i]);
    w->job->waits = 0;
    HASH_DEL(e->waiters, w);
    free(w);
}

int32_t waiter_mask(const engine *e, const job *j)
{
    const waiter *w = waiter_find(e, j);
    return w ? (int32_t)w->mask : 0;
}

void waiters_free(engine *e)
{
    waiter *w, *wtmp;
    HASH_ITER(hh, e->waiters, w, wtmp)
    {
        waiter_drop(e, w);
    }
    free(e->notices);
}

void waiters_note_end(engine *e, job *j)
{
    waiter *own = waiter_find(e, j);
    if (own)
        waiter_drop(e, own);
    if (!e->targets && (j->index == NO_INDEX || !job_as_child(j)->parent->base.waits))
        return;
    *LIST_ADD(e, notices) = (notice){ .of = j, .index = job_index(j) };
}

void waiters_note_bulk_end(engine *e, array *a)
{
    if (e->targets)
        *LIST_ADD(e, notices) = (notice){ .of = &a->base, .bulk = true };
}
