/* Timeouts that an executor does not enforce: the executor should stop a run at its time limit, and
 * this is the backup. Time is the steady time that the service sets. A run over its limit is marked
 * (the mark is stored) and ordered to stop; however it ends then, it has timed out. (AWS Batch user
 * guide, "Job timeouts".) */
#include "timeout.h"

#include "effects.h"
#include "minmax.h"
#include "terms.h"

void engine_clock(engine *e, int64_t steady_ms)
{
    e->steady_ms = steady_ms;
}

int64_t engine_next_timeout(const engine *e)
{
    return e->next_timeout_ms;
}

void timeout_start(engine *e, run *r, int64_t running_for_ms)
{
    const terms *t = terms_of(e, r->job);
    if (t->timeout_s <= 0 || (r->job->flags & OB_FLAG_TIMED_OUT))
        return;
    r->timeout_at_ms =
        e->steady_ms - running_for_ms + (int64_t)t->timeout_s * 1000 + ENGINE_TIMEOUT_MARGIN_MS;
    e->next_timeout_ms = min_i64(e->next_timeout_ms, r->timeout_at_ms);
}

static void time_out(engine *e, run *r)
{
    job *j = r->job;
    r->timeout_at_ms = 0;
    if (j->flags & OB_FLAG_TERMINATED)
        return; /* it must stop already, for another reason */
    j->flags |= OB_FLAG_TIMED_OUT;
    effects_touch(e, j);
    ob_run_ref ref = job_run_ref(j);
    effects_add_order(e, ORDER_STOP, r->on->id, &ref);
}

void timeouts_enforce(engine *e)
{
    if (e->next_timeout_ms > e->steady_ms)
        return;
    e->next_timeout_ms = INT64_MAX;
    for (instance *i = e->instances; i; i = i->hh.next)
        for (run *r = i->runs; r; r = r->rnext) {
            if (r->timeout_at_ms && r->timeout_at_ms <= e->steady_ms)
                time_out(e, r);
            if (r->timeout_at_ms)
                e->next_timeout_ms = min_i64(e->next_timeout_ms, r->timeout_at_ms);
        }
}
