/* Lost instances: their runs end, and their records are freed. An ordered run counts as an attempt,
 * reported or not, because it may have run. */
#include "lost.h"

#include <stdio.h>

#include "effects.h"
#include "hold.h"
#include "instance.h"
#include "keep.h"
#include "run_end.h"
#include "slots.h"

static void end_runs(engine *e, instance *i)
{
    char reason[128];
    (void)snprintf(reason, sizeof(reason), "Host EC2 (instance %s) terminated.", i->id);
    run *r, *tmp;
    DL_FOREACH_SAFE2(i->runs, r, tmp, rnext)
    {
        /* Each was ordered, so each may have run, even if it was not reported: the report may be
         * lost as well */
        ending x = { .reason = reason, .stopped_at_ms = e->shown_ms };
        run_end(e, r->job, OB_EV_EXIT_FAIL, true, &x);
    }
}

void lost_sweep(engine *e)
{
    if (!e->instances_gone)
        return;
    e->instances_gone = false;
    instance *i, *tmp;
    HASH_ITER(hh, e->instances, i, tmp)
    {
        if (i->known && !i->lost)
            continue;
        end_runs(e, i);
        if (!i->known) {
            if (i->kept_for)
                keep_release(e, i);
            hold_forget(e, i);
            instance_free(e, i);
        } else {
            /* Its runs have ended. If it has come back since, it is used again. */
            i->lost = false;
            instance_count(i, 1);
            slots_insert(i);
        }
    }
}
