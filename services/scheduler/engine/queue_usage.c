/* Points of a queue's use over time: one at most every ENGINE_USAGE_EVERY_MS, if it differs from
 * the one before, and after ENGINE_USAGE_LONGEST_MS in any case. They come with rounds that are
 * made anyway: no round is made for one. */
#include "queue_usage.h"

#include "arena.h"

/* Parents of arrays are never in these states. */
static int32_t count(const queue *q, ob_job_state state)
{
    return (int32_t)(q->counts.jobs[state] + q->counts.children[state]);
}

void queue_usage_fill(const queue *q, effect_usage *u)
{
    u->queue_id = q->id;
    u->mcpu = q->mcpu;
    u->placed = count(q, OB_JOB_STARTING) + count(q, OB_JOB_RUNNING);
    u->waiting = count(q, OB_JOB_RUNNABLE);
    u->succeeded = q->n_succeeded;
    u->failed = q->n_failed;
}

static bool differs(const effect_usage *u, const effect_usage *before)
{
    return u->mcpu != before->mcpu || u->placed != before->placed ||
           u->waiting != before->waiting || u->succeeded || u->failed;
}

static void look(engine *e, queue *q)
{
    int64_t for_ms = e->now_ms - q->usage_ms;
    bool is_first = q->usage_ms == 0 || for_ms < 0; /* the clock may have been set back */
    if (!is_first && for_ms < ENGINE_USAGE_EVERY_MS)
        return;
    effect_usage now = { .at_ms = e->shown_ms };
    queue_usage_fill(q, &now);
    if (!is_first && for_ms < ENGINE_USAGE_LONGEST_MS && !differs(&now, &q->usage))
        return;
    *LIST_ADD(e->effects, usages) = now;
    q->usage = now;
    q->usage_ms = e->now_ms;
    q->n_succeeded = q->n_failed = 0;
}

void queue_usage_update(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next)
        if (q->known && !q->deleting)
            look(e, q);
}
