/* The front of a queue: its waiting jobs in the order in which they will be served, as far as is
 * known, and the number of jobs ahead of each class. A front is made at most once in
 * ENGINE_FRONT_EVERY_MS, and published if it differs. */
#include "front.h"

#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "array.h"
#include "line.h"

/* The job after the one at which 'cls' is in a line; cls->at_index: the array's child. */
static job *next_of(class *cls)
{
    if (!cls->at->is_array)
        return cls->at->next;
    const array *a = job_as_array(cls->at);
    for (int32_t i = cls->at_index + 1; i < a->size; i++)
        if (array_in_bulk(a, i)) {
            cls->at_index = i;
            return cls->at;
        }
    return cls->at->next;
}

static size_t walk(engine *e, queue *q, engine_front out[ENGINE_FRONT_MAX])
{
    size_t n = 0;
    for (class *cls = q->classes; cls; cls = cls->hh.next)
        cls->ahead = ENGINE_FRONT_MAX;
    line_start(e, q);
    for (class *cls; n < ENGINE_FRONT_MAX && (cls = line_first(e)); n++) {
        if (cls->ahead == ENGINE_FRONT_MAX)
            cls->ahead = (int32_t)n;
        if (cls->at->is_array && cls->at_index < 0)
            cls->at_index = job_as_array(cls->at)->low;
        out[n] = (engine_front){ .id = cls->at->id,
                                 .index = cls->at->is_array ? cls->at_index : job_index(cls->at),
                                 .since_ms = e->shown_ms };
        job *next = next_of(cls);
        if (next != cls->at)
            cls->at_index = -1;
        line_serve(e, next);
    }
    return n;
}

static bool same_job(const engine_front *a, const engine_front *b)
{
    return a->index == b->index && ob_uuid_cmp(&a->id, &b->id) == 0;
}

static int most_first(const void *a, const void *b)
{
    const share *x = *(share *const *)a, *y = *(share *const *)b;
    if (x->mcpu != y->mcpu)
        return x->mcpu > y->mcpu ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void publish(engine *e, queue *q)
{
    effect_front *f = LIST_ADD(e->effects, fronts);
    engine_front *copy = arena_take(&e->effects->arena, (q->n_front + 1) * sizeof(*copy));
    if (q->n_front > 0)
        memcpy(copy, q->front, q->n_front * sizeof(*copy));
    f->queue_id = q->id;
    f->at_ms = e->shown_ms;
    f->front = copy;
    f->n_front = q->n_front;
    f->mcpu = q->mcpu;
    f->active_shares = q->n_active;
    if (!q->policy.fair)
        return;
    size_t n = 0;
    share **all = arena_take(&e->effects->arena, (HASH_COUNT(q->shares) + 1) * sizeof(*all));
    for (share *s = q->shares; s; s = s->hh.next)
        if (s->mcpu > 0)
            all[n++] = s;
    if (n > 0)
        qsort(all, n, sizeof(*all), most_first);
    for (size_t i = 0; i < n && i < ENGINE_FRONT_SHARES; i++) {
        f->shares[i].share = arena_text(&e->effects->arena, all[i]->name);
        f->shares[i].mcpu = all[i]->mcpu;
        f->n_shares++;
    }
}

static void make(engine *e, queue *q)
{
    engine_front now[ENGINE_FRONT_MAX];
    size_t n = walk(e, q, now);
    bool changed = q->front_owed || n != q->n_front || q->mcpu != q->front_mcpu ||
                   (q->policy.fair && q->changes != q->front_changes);
    for (size_t i = 0; i < n; i++) {
        if (i < q->n_front && same_job(&now[i], &q->front[i]))
            now[i].since_ms = q->front[i].since_ms;
        else
            changed = true;
    }
    q->n_front = 0;
    for (size_t i = 0; i < n; i++)
        *LIST_ADD(q, front) = now[i];
    q->front_ms = e->now_ms;
    q->front_mcpu = q->mcpu;
    q->front_changes = q->changes;
    q->front_owed = false;
    if (changed)
        publish(e, q);
}

void fronts_update(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        bool changed = q->front_owed || q->changes != q->front_changes;
        if (!q->known || q->deleting || !(changed || (q->policy.fair && q->n_front > 0)))
            continue;
        if (q->front_ms == 0 || e->now_ms < q->front_ms ||
            e->now_ms - q->front_ms >= ENGINE_FRONT_EVERY_MS)
            make(e, q);
        else if (changed)
            round_due_at(e, q->front_ms + ENGINE_FRONT_EVERY_MS);
    }
}
