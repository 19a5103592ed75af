/* Counts the jobs of each queue by state, and the children of its arrays apart. A parent is a job.
 * Jobs that have ended are counted as long as their queue is there, so the engine holds no jobs for
 * them: their number is loaded and stored again.
 *
 * Invariants: a round that ends a job or a child writes its queue's row, so the numbers of what has
 * ended agree with the rows of ended jobs after every commit; other changes are written at most
 * once in ENGINE_COUNTS_EVERY_MS. */
#include "counts.h"

#include "arena.h"
#include "queue.h"

static void fill(const queue *q, effect_counts *row)
{
    memcpy(row->jobs, q->counts.jobs, sizeof(row->jobs));
    memcpy(row->children, q->counts.children, sizeof(row->children));
}

static bool is_due(const engine *e, const queue *q)
{
    return q->counts_ended || q->counts_ms == 0 || e->now_ms < q->counts_ms ||
           e->now_ms - q->counts_ms >= ENGINE_COUNTS_EVERY_MS;
}

void counts_update(engine *e)
{
    for (queue *q = e->queues; q; q = q->hh.next) {
        if (!q->counts_changed || (q->deleting && !q->known)) /* its row has been deleted */
            continue;
        if (!is_due(e, q)) {
            round_due_at(e, q->counts_ms + ENGINE_COUNTS_EVERY_MS);
            continue;
        }
        effect_counts *row = LIST_ADD(e->effects, counts);
        row->queue_id = q->id;
        row->at_ms = e->shown_ms;
        fill(q, row);
        q->counts_ms = e->now_ms;
        q->counts_changed = q->counts_ended = false;
    }
}

void counts_write_again(engine *e, engine_effects *out)
{
    for (size_t i = 0; i < out->n_counts; i++)
        fill(queue_get(e, out->counts[i].queue_id), &out->counts[i]);
}
