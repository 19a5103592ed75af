/* A container's place in the table and its step. Owns the table and the count of slots; decides
 * nothing. Thread: the loop's. */
#include "oci_container.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "ob/state_moves.h"
#include "ob/text.h"
#include "oci_words.h"

#define TO(value) OB_MOVE_TO(value)
#define REASON_MAX 640

void oci_dirty(oci *o)
{
    o->dirty = true;
}

void oci_later(oci *o, int64_t delay_ms)
{
    if (!o->later_timer.armed || o->later_timer.at_ms > ob_boot_ms() + delay_ms)
        loop_timer_set(o->base.config.loop, &o->later_timer, delay_ms);
}

oci_container *oci_find(oci *o, const char *run)
{
    oci_container *c = NULL;
    HASH_FIND_STR(o->containers, run, c);
    return c;
}

oci_container *oci_add(oci *o, const char *run, oci_step step)
{
    oci_container *c = ob_calloc(1, sizeof(*c));
    ob_run_ref ref;
    c->o = o;
    c->step = step;
    c->grace_s = c->state_fd = c->watch = -1;
    c->keeper.loop = c->cleaner.loop = o->base.config.loop;
    (void)snprintf(c->run, sizeof(c->run), "%s", run);
    if (ob_run_ref_parse(run, &ref))
        ob_run_container_name(&ref, c->name);
    c->folder = ob_strf("%s/%s", o->runs, c->name);
    c->group = ob_strf(OCI_GROUP "/%s/%s", o->base.config.instance, c->name);
    HASH_ADD_STR(o->containers, run, c);
    o->dirty = true;
    return c;
}

oci_place oci_place_of(const oci *o, const char *name)
{
    return (oci_place){
        .programs = &o->programs, .home = o->home, .instance = o->base.config.instance, .name = name
    };
}

void oci_drop_plan(oci_container *c)
{
    json_decref(c->spec);
    json_decref(c->secrets);
    json_decref(c->volumes);
    c->spec = c->secrets = c->volumes = NULL;
    free(ob_take(c->login));
    if (c->wait)
        oci_images_leave(c->wait);
    c->wait = NULL;
    if (c->state_fd >= 0)
        (void)close(c->state_fd); /* the keeper has the lock */
    c->state_fd = -1;
}

static void release_slot(oci_container *c)
{
    if (c->has_slot)
        c->o->slots_used--;
    c->has_slot = false;
}

static void release_image(oci_container *c)
{
    if (c->image)
        oci_images_release(c->o->images, c->image);
    c->image = NULL;
}

void oci_free_container(oci_container *c)
{
    release_slot(c);
    oci_drop_plan(c);
    release_image(c);
    oci_process_leave(&c->keeper);
    oci_process_leave(&c->cleaner);
    oci_output_close(&c->reader);
    free(c->gpus);
    free(c->doubt);
    free(c->folder);
    free(c->group);
    HASH_DEL(c->o->containers, c);
    free(c);
}

void oci_set_step(oci_container *c, oci_step step)
{
    static const char *const names[] = {
        [OCI_STEP_FOUND] = "found", [OCI_STEP_QUEUED] = "queued", [OCI_STEP_INTENT] = "intent",
        [OCI_STEP_BEGIN] = "begin", [OCI_STEP_RUN] = "run",       [OCI_STEP_ORPHAN] = "orphan",
        [OCI_STEP_DOUBT] = "doubt", [OCI_STEP_ENDED] = "ended",   [OCI_STEP_REMOVE] = "remove",
    };
    /* What runs, or was adopted, may be removed before its end is known: when its run was confirmed
     * by an executor before. */
    static const unsigned next[] = {
        [OCI_STEP_FOUND] = TO(OCI_STEP_BEGIN) | TO(OCI_STEP_ORPHAN) | TO(OCI_STEP_REMOVE),
        [OCI_STEP_QUEUED] = TO(OCI_STEP_INTENT) | TO(OCI_STEP_DOUBT) | TO(OCI_STEP_ENDED),
        [OCI_STEP_INTENT] = TO(OCI_STEP_BEGIN) | TO(OCI_STEP_DOUBT) | TO(OCI_STEP_ENDED),
        [OCI_STEP_BEGIN] = TO(OCI_STEP_RUN) | TO(OCI_STEP_ORPHAN) | TO(OCI_STEP_DOUBT) |
                           TO(OCI_STEP_ENDED) | TO(OCI_STEP_REMOVE),
        [OCI_STEP_RUN] =
            TO(OCI_STEP_ORPHAN) | TO(OCI_STEP_DOUBT) | TO(OCI_STEP_ENDED) | TO(OCI_STEP_REMOVE),
        [OCI_STEP_ORPHAN] = TO(OCI_STEP_ENDED) | TO(OCI_STEP_REMOVE),
        [OCI_STEP_DOUBT] = TO(OCI_STEP_ENDED),
        [OCI_STEP_ENDED] = TO(OCI_STEP_REMOVE),
        [OCI_STEP_REMOVE] = 0,
    };
    static const ob_state_moves moves = { "step", names, next };
    ob_state_moves_check(&moves, c->run, (int)c->step, (int)step);
    c->step = step;
    c->o->dirty = true;
    if (step == OCI_STEP_INTENT) {
        c->has_slot = true;
        c->o->slots_used++;
    } else if (step == OCI_STEP_RUN || OCI_ENDED(c)) {
        release_slot(c);
    }
    if (OCI_ENDED(c)) {
        oci_drop_plan(c);
        release_image(c);
    }
}

void oci_wait(oci_container *c, int64_t delay_ms)
{
    c->not_before_ms = ob_boot_ms() + delay_ms;
    oci_later(c->o, delay_ms);
}

void oci_tell_running(oci_container *c, int64_t started_at_ms)
{
    if (!c->running_told)
        OCI_ON(c->o)->running(c->run, started_at_ms, OCI_ON(c->o)->arg);
    c->running_told = true;
    c->created_at_ms = started_at_ms; /* its keeper starts it as soon as it is there */
}

void oci_tell_end(oci_container *c, const runtime_end *end)
{
    oci_set_step(c, OCI_STEP_ENDED);
    runtime_end all = *end;
    all.pulled_at_ms = c->pulled_at_ms;
    all.created_at_ms = c->created_at_ms;
    OCI_ON(c->o)->exited(c->run, &all, OCI_ON(c->o)->arg);
}

void oci_end_unstarted(oci_container *c, const char *reason)
{
    oci_tell_end(c, &(runtime_end){ .exit_code = -1, .reason = reason });
}

void oci_end_failed(oci_container *c, const char *fmt, ...)
{
    char reason[REASON_MAX];
    va_list args;
    va_start(args, fmt);
    ob_text_vformat(reason, sizeof(reason), fmt, args);
    va_end(args);
    oci_end_unstarted(c, reason);
}
