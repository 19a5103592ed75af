/* The job at the head of a queue: how long it has been there, whether it is blocked there, and how
 * long it may be there. Invariant: head is the first class in its queue's order that the round
 * could not place. */
#include "head.h"

#include <stdio.h>

#include "arena.h"
#include "effects.h"
#include "job_table.h"
#include "minmax.h"
#include "stop.h"

static int32_t first_index(const job *j)
{
    return j->is_array ? ((const array *)(const void *)j)->low : job_index(j);
}

void head_find(engine *e)
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

/* The time since which the job at the head has waited for the code of its class's reason. */
static int64_t blocked_since(const queue *q, const class *cls)
{
    return max_i64(q->head.since_ms, cls->code_since_ms);
}

/* When the job at the head must be cancelled; INT64_MAX: never. */
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

void head_enforce_limits(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        if (q->n_limits == 0 || !q->head.since_ms || !q->known || q->deleting)
            continue;
        job *j =
            job_find(e, &q->head.id,
                     -1); /* all children have the same request, so the whole array is cancelled */
        if (!j || (!j->is_array && j->state != OB_JOB_RUNNABLE) || limit_at(q, j->cls) > e->now_ms)
            continue;
        size_t code = strcspn(j->cls->reason, " ");
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "Canceled by JobStateTimeLimit action due to reason: %.*s", /* ASCII */
                       (int)code, j->cls->reason);
        stop_job(e, j, false, text);
    }
}

void head_report_blocked(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        const class *cls = q->head.cls;
        if (!cls || !cls->reason || !cls->code_since_ms)
            continue;
        if (q->n_limits > 0)
            round_due_at(e, limit_at(q, cls));
        int64_t since = blocked_since(q, cls);
        if (since <= q->blocked_published_ms)
            continue;
        q->blocked_published_ms = since;
        effect_event *ev = LIST_ADD(e->effects, events);
        ev->id = q->head.id;
        ev->queue_id = q->id;
        ev->idx_lo = ev->idx_hi = q->head.index;
        ev->state = OB_JOB_RUNNABLE;
        ev->attempt = cls->waiting->ended;
        ev->run = cls->waiting->last_run;
        ev->at_ms = effects_time(e, cls->waiting);
        ev->blocked = true;
        ev->reason = arena_text(&e->effects->arena, cls->reason);
    }
}
