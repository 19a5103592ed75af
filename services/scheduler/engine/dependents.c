/* Answers who waits for a job: those with an edge to it, and, of an array, to its children. It
 * changes nothing. A question looks at ENGINE_DEPENDENTS_MAX edges at most, and, of an array, at
 * each child once. */
#include "dependents.h"

#include "arena.h"
#include "job_table.h"
#include "waiters.h"

/* False: there are more than fit. */
static bool add(effect_dependents *to, const edge *x, int32_t index)
{
    if (to->n == ENGINE_DEPENDENTS_MAX) {
        to->more = true;
        return false;
    }
    to->list[to->n++] =
        (effect_dependent){ .id = x->from->job->id, .index = index, .n_to_n = x->n_to_n };
    return true;
}

static bool add_all(effect_dependents *to, const target *t)
{
    if (!t)
        return true;
    for (const edge *x = t->plain; x; x = x->enext)
        if (!add(to, x, t->key.index))
            return false;
    for (const edge *x = t->n_to_n; x; x = x->enext)
        if (!add(to, x, t->key.index))
            return false;
    return true;
}

static void answer(engine *e, const question *q)
{
    effect_dependents *to = LIST_ADD(e->effects, dependents);
    to->seq = q->seq;
    to->at_ms = e->shown_ms;
    to->list = arena_take(&e->effects->arena, ENGINE_DEPENDENTS_MAX * sizeof(*to->list));
    const job *j = job_find(e, &q->job.id, -1);
    if (!add_all(to, target_find(e, &q->job.id, q->job.index)))
        return;
    if (q->job.index >= 0) { /* all children */
        (void)add_all(to, target_find(e, &q->job.id, -1));
        return;
    }
    int32_t size = j && j->is_array ? ((const array *)(const void *)j)->size : 0;
    for (int32_t i = 0; e->targets && i < size; i++)
        if (!add_all(to, target_find(e, &q->job.id, i)))
            return;
}

void dependents_answer(engine *e)
{
    for (size_t i = 0; i < e->n_questions; i++)
        answer(e, &e->questions[i]);
    e->n_questions = 0;
}
