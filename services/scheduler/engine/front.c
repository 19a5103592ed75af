/* The front of a queue: what waits, in the order in which it will be served as far as is known now;
 * how many are ahead of each class; the job at the head, and how long it may wait there. A front is
 * made at most once in ENGINE_FRONT_EVERY_MS, and told when it differs. Invariant: head is the
 * first class in its queue's order that the round could not place. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- The head ---- */

static int32_t first_index(const job *j)
{
    return j->is_array ? ((const array *)(const void *)j)->low : eng_index(j);
}

void eng_heads(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next)
        q->head.cls = NULL;
    for (size_t i = 0; i < e->n_failed; i++) {
        class *cls = e->failed[i];
        queue *q = cls->queue;
        if (q->head.cls)
            continue;
        const job *j = cls->waiting;
        q->head.cls = cls;
        if (q->head.index == first_index(j) && ob_uuid_cmp(&q->head.id, &j->id) == 0)
            continue;
        q->head.id = j->id;
        q->head.index = first_index(j);
        q->head.since_ms = e->now_ms;
    }
    for (queue *q = e->queues; q; q = q->hh.next)
        if (!q->head.cls)
            q->head.since_ms = 0;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Since when the job at the head has waited for the code of its class's reason. */
static int64_t blocked_since(const queue *q, const class *cls)
{
    return later(q->head.since_ms, cls->code_since_ms);
}

/* When the job at the head is to be cancelled; INT64_MAX: never. */
static int64_t limit_at(const queue *q, const class *cls)
{
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < q->n_limits && cls->reason && cls->code_since_ms; i++) {
        size_t n = strlen(q->limits[i].code);
        if (strncmp(cls->reason, q->limits[i].code, n) == 0 && cls->reason[n] == ' ' &&
            blocked_since(q, cls) + q->limits[i].ms < at)
            at = blocked_since(q, cls) + q->limits[i].ms;
    }
    return at;
}

void eng_limits(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        if (q->n_limits == 0 || !q->head.since_ms || !q->known || q->deleting)
            continue;
        job *j = eng_find(e, &q->head.id, -1); /* all children ask the same: the array goes */
        if (!j || (!j->is_array && j->state != OB_JOB_RUNNABLE) || limit_at(q, j->cls) > e->now_ms)
            continue;
        size_t code = strcspn(j->cls->reason, " ");
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "Canceled by JobStateTimeLimit action due to reason: %.*s", /* ASCII */
                       (int)code, j->cls->reason);
        eng_stop(e, j, false, text);
    }
}

void eng_blocked(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        const class *cls = q->head.cls;
        if (!cls || !cls->reason || !cls->code_since_ms)
            continue;
        if (q->n_limits > 0)
            eng_due(e, limit_at(q, cls));
        int64_t since = blocked_since(q, cls);
        if (since <= q->blocked_told_ms)
            continue;
        q->blocked_told_ms = since;
        effect_event *ev = LIST_ADD(e->fx, events);
        ev->id = q->head.id;
        ev->idx_lo = ev->idx_hi = q->head.index;
        ev->state = OB_JOB_RUNNABLE;
        ev->attempt = cls->waiting->ended;
        ev->run = cls->waiting->last_run;
        ev->at_ms = eng_at(e, cls->waiting);
        ev->blocked = true;
        ev->reason = eng_text(&e->fx->text, cls->reason);
    }
}

/* ---- The front ---- */

/* The job after the one that 'cls' stands at in a line; cls->at_index: the array's child. */
static job *next_of(class *cls)
{
    if (!cls->at->is_array)
        return cls->at->next;
    const array *a = eng_as_array(cls->at);
    for (int32_t i = cls->at_index + 1; i < a->size; i++)
        if (eng_in_bulk(a, i)) {
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
    eng_line(e, q);
    for (class *cls; n < ENGINE_FRONT_MAX && (cls = eng_line_first(e)); n++) {
        if (cls->ahead == ENGINE_FRONT_MAX)
            cls->ahead = (int32_t)n;
        if (cls->at->is_array && cls->at_index < 0)
            cls->at_index = eng_as_array(cls->at)->low;
        out[n] = (engine_front){ .id = cls->at->id,
                                 .index = cls->at->is_array ? cls->at_index : eng_index(cls->at),
                                 .since_ms = e->shown_ms };
        job *next = next_of(cls);
        if (next != cls->at)
            cls->at_index = -1;
        eng_line_served(e, next);
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

static void tell(engine *e, queue *q)
{
    effect_front *f = LIST_ADD(e->fx, fronts);
    engine_front *copy = eng_text_memory(&e->fx->text, (q->n_front + 1) * sizeof(*copy));
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
    share **all = eng_text_memory(&e->fx->text, (HASH_COUNT(q->shares) + 1) * sizeof(*all));
    for (share *s = q->shares; s; s = s->hh.next)
        if (s->mcpu > 0)
            all[n++] = s;
    if (n > 0)
        qsort(all, n, sizeof(*all), most_first);
    for (size_t i = 0; i < n && i < ENGINE_FRONT_SHARES; i++) {
        f->shares[i].share = eng_text(&e->fx->text, all[i]->name);
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
        tell(e, q);
}

void eng_fronts(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        bool changed = q->front_owed || q->changes != q->front_changes;
        if (!q->known || q->deleting || !(changed || (q->policy.fair && q->n_front > 0)))
            continue;
        if (q->front_ms == 0 || e->now_ms < q->front_ms ||
            e->now_ms - q->front_ms >= ENGINE_FRONT_EVERY_MS)
            make(e, q);
        else if (changed)
            eng_due(e, q->front_ms + ENGINE_FRONT_EVERY_MS);
    }
}

void engine_load_front(engine *e, int64_t queue_id, const engine_front *front, size_t n)
{
    queue *q = eng_queue(e, queue_id);
    q->n_front = 0;
    for (size_t i = 0; i < n && i < ENGINE_FRONT_MAX; i++)
        *LIST_ADD(q, front) = front[i];
    q->front_owed = true;
    if (n > 0) {
        q->head.id = front[0].id;
        q->head.index = front[0].index;
        q->head.since_ms = front[0].since_ms;
        q->blocked_told_ms = later(q->blocked_told_ms, front[0].since_ms);
    }
    e->dirty = true;
}
