/* What an operator wants to know of queues and shares, from what the engine has anyway (counts.c),
 * so nothing looks at single jobs. Changes nothing. */
#include "engine.h"

#include "job_table.h"
#include "minmax.h"
#include "model.h"
#include "share.h"

static void add_class(engine_queue_figures *f, const class *cls)
{
    if (cls->n_waiting == 0)
        return;
    engine_sum_add(&f->waiting, &cls->need, (int64_t)cls->n_waiting);
    int64_t at_ms = cls->waiting->at_ms;
    f->oldest_at_ms = f->oldest_at_ms ? min_i64(f->oldest_at_ms, at_ms) : at_ms;
}

/* As head.c sees it; its class is valid within a round only. */
static const char *why_blocked(const engine *e, const queue *q)
{
    const job *j = q->head.since_ms ? job_find(e, &q->head.id, -1) : NULL;
    if (!j || (!j->is_array && j->state != OB_JOB_RUNNABLE) || !j->cls->code_since_ms)
        return NULL;
    return j->cls->reason;
}

void engine_each_queue(const engine *e,
                       void (*fn)(const engine_queue_figures *figures, void *arg),
                       void *arg)
{
    for (const queue *q = e->queues; q; q = q->hh.next) {
        if (!q->known || !q->name)
            continue;
        engine_queue_figures f = {
            .id = q->id, .name = q->name, .used = q->used, .blocked = why_blocked(e, q)
        };
        memcpy(f.jobs, q->counts.jobs, sizeof(f.jobs));
        memcpy(f.children, q->counts.children, sizeof(f.children));
        for (const class *cls = q->classes; cls; cls = cls->hh.next)
            add_class(&f, cls);
        fn(&f, arg);
    }
}

void engine_each_share(const engine *e,
                       int64_t now_ms,
                       void (*fn)(const engine_share_figures *figures, void *arg),
                       void *arg)
{
    for (const queue *q = e->queues; q; q = q->hh.next) {
        if (!q->known || !q->name || !q->policy.fair)
            continue;
        for (const share *s = q->shares; s; s = s->hh.next)
            fn(
                &(engine_share_figures){
                    .queue = q->name,
                    .share = s->name,
                    .mcpu = s->mcpu,
                    .weighted_usage = s->weight * share_usage_at(s, max_i64(now_ms, s->at_ms)),
                },
                arg);
    }
}
