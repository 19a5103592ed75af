/* The order in which a queue's classes are served. First in, first out: the class with the oldest
 * first job. Fair share: the share with the lowest weighted usage; within it the class with the
 * highest scheduling priority, then with the oldest first job. A job that is served counts at once
 * as if it had run for AHEAD_S, so that capacity that becomes free at one time is divided too.
 * There is one line at a time; its cost is the number of classes, and a logarithm of it for each
 * served job. */
#include "line.h"

#include <stdlib.h>

#include "arena.h"

#define AHEAD_S 60

static int by_age(const class *a, const class *b)
{
    return job_is_before(a->at, b->at) ? -1 : job_is_before(b->at, a->at) ? 1 : 0;
}

static int by_priority(const class *a, const class *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return by_age(a, b);
}

static int compare_age(const void *a, const void *b)
{
    return by_age(*(class *const *)a, *(class *const *)b);
}

static int compare_priority(const void *a, const void *b)
{
    return by_priority(*(class *const *)a, *(class *const *)b);
}

static int by_load(const share *a, const share *b)
{
    if (a->load != b->load)
        return a->load < b->load ? -1 : 1;
    return by_age(a->work[a->first], b->work[b->first]);
}

static int compare_load(const void *a, const void *b)
{
    return by_load(*(share *const *)a, *(share *const *)b);
}

static void weigh(share *s)
{
    s->load = s->weight * (s->usage + (double)s->line_mcpu / 1000 * AHEAD_S);
}

void line_start(engine *e, queue *q)
{
    bool fair = q->policy.fair;
    e->n_line = e->first_share = 0;
    for (share *s = q->shares; s; s = s->hh.next)
        s->n_work = 0;
    q->all.n_work = 0;
    class *cls, *tmp;
    HASH_ITER(hh, q->classes, cls, tmp)
    {
        share *s = fair ? cls->share : &q->all;
        if (!cls->waiting)
            continue;
        cls->at = cls->waiting;
        cls->at_index = -1;
        if (s->n_work == 0)
            *LIST_ADD(e, line) = s;
        *LIST_ADD(s, work) = cls;
    }
    for (size_t i = 0; i < e->n_line; i++) {
        share *s = e->line[i];
        s->first = 0;
        s->line_mcpu = s->mcpu;
        weigh(s);
        if (s->n_work > 1)
            qsort(s->work, s->n_work, sizeof(class *), fair ? compare_priority : compare_age);
    }
    if (e->n_line > 1)
        qsort(e->line, e->n_line, sizeof(share *), compare_load);
}

class *line_first(const engine *e)
{
    if (e->first_share == e->n_line)
        return NULL;
    const share *s = e->line[e->first_share];
    return s->work[s->first];
}

/* The first of n > 0 now belongs later: moves it after those that come before it. */
#define RESORT(items, n, before)                                                                   \
    do {                                                                                           \
        __typeof__((items)[0]) first_ = (items)[0];                                                \
        size_t lo_ = 1, hi_ = (n);                                                                 \
        while (lo_ < hi_) {                                                                        \
            size_t mid_ = lo_ + (hi_ - lo_) / 2;                                                   \
            if (before((items)[mid_], first_) < 0)                                                 \
                lo_ = mid_ + 1;                                                                    \
            else                                                                                   \
                hi_ = mid_;                                                                        \
        }                                                                                          \
        memmove((items), (items) + 1, (lo_ - 1) * sizeof(*(items)));                               \
        (items)[lo_ - 1] = first_;                                                                 \
    } while (0)

static void leave(engine *e, share *s)
{
    if (++s->first == s->n_work)
        e->first_share++;
}

void line_serve(engine *e, job *at)
{
    share *s = e->line[e->first_share];
    class *cls = s->work[s->first];
    bool fair = cls->queue->policy.fair;
    s->line_mcpu += cls->need.mcpu;
    weigh(s);
    cls->at = at;
    if (!at)
        leave(e, s);
    else if (fair)
        RESORT(s->work + s->first, s->n_work - s->first, by_priority);
    else
        RESORT(s->work + s->first, s->n_work - s->first, by_age);
    if (s->first < s->n_work)
        RESORT(e->line + e->first_share, e->n_line - e->first_share, by_load);
}

void line_skip(engine *e)
{
    share *s = e->line[e->first_share];
    leave(e, s);
    if (s->first < s->n_work) /* of the same load its first job is later now */
        RESORT(e->line + e->first_share, e->n_line - e->first_share, by_load);
}
