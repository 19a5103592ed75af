/* A failure before a container began may be the job's fault or the host's (a full disk, no memory).
 * A trial decides: what each container needs is made, without a container. If it works, the job is
 * at fault; otherwise its run is given back, as all others are, until a trial works. So no job can
 * make a host look unwell. Owns the trial. Thread: the loop's. */
#include "oci_unwell.h"

#include <string.h>
#include <sys/stat.h>

#include "ob/log.h"
#include "ob/point.h"
#include "ob/text.h"
#include "oci_container.h"
#include "oci_folder.h"

#define TRIAL_EVERY_MS 1000

static void tell(oci *o, const char *why)
{
    if (why)
        ob_warn("engine.failed", "{s:s}", "error", why);
    else
        ob_info("engine.recovered", NULL);
    (void)ob_text_copy(o->unwell, sizeof(o->unwell), why ? why : "", why ? strlen(why) : 0);
    OCI_ON(o)->unwell(why ? o->unwell : NULL, OCI_ON(o)->arg);
}

static void conclude(oci *o, bool works)
{
    oci_container *c, *next;
    HASH_ITER(hh, o->containers, c, next)
    {
        if (c->step != OCI_STEP_DOUBT)
            continue;
        if (!works && !*o->unwell)
            tell(o, c->doubt);
        if (works)
            oci_end_failed(c, "CannotStartContainerError: %s", c->doubt);
        else
            oci_end_unstarted(c, NULL);
    }
    if (works && *o->unwell)
        tell(o, NULL);
    if (*o->unwell)
        loop_timer_set(o->base.config.loop, &o->trial_timer, TRIAL_EVERY_MS);
}

static void on_trial_end(int status, void *arg)
{
    conclude(arg, status == 0);
}

static void try(oci *o)
{
    if (o->trial.fd > 0)
        return;
    const oci_place place = oci_place_of(o, OCI_TRIAL_NAME);
    bool ok = oci_folder_trial(o->runs, NULL) == 0 &&
              oci_keeper_try(&o->trial, &place, o->copies, NULL) == 0;
    if (!ok)
        conclude(o, false);
}

static void on_time(void *arg)
{
    try(arg);
}

void oci_unwell_init(oci *o)
{
    o->trial = (oci_process){ .loop = o->base.config.loop, .on_exit = on_trial_end, .arg = o };
    o->trial_timer = (loop_timer){ .fn = on_time, .arg = o };
}

void oci_unwell_done(oci *o)
{
    loop_timer_stop(o->base.config.loop, &o->trial_timer);
    oci_process_leave(&o->trial);
}

void oci_doubt(oci_container *c, const char *why)
{
    free(c->doubt);
    c->doubt = ob_text_dup(why, 400);
    oci_set_step(c, OCI_STEP_DOUBT);
    loop_timer_set(c->o->base.config.loop, &c->o->trial_timer, 0);
}
