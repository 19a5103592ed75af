/* Containers that no daemon runs. Each has a keeper (keeper/), a small process that is its parent
 * and outlives this one, and a folder, in which the keeper says what becomes of it. Never starts a
 * container twice: its folder is made once, that it is to be started is on the disk before its
 * keeper is, and nobody starts a keeper in a folder that it finds. After a crash the folders are
 * the list of containers; whoever holds the lock of one's state keeps it. Thread: the loop's. */
#include "runtime_oci.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ob/log.h"
#include "ob/text.h"
#include "oci_adopt.h"
#include "oci_begin.h"
#include "oci_container.h"
#include "oci_events.h"
#include "oci_folder.h"
#include "oci_follow.h"
#include "oci_look.h"
#include "oci_unwell.h"

#define RETRY_MS 500

/* ---- making ---- */

static void on_later(void *arg)
{
    oci_dirty(arg);
}

/* No overlay: on top of another overlay, or on a file system without what it needs. */
static int try_host(oci *o, ob_error *err)
{
    int r = oci_folder_trial(o->runs, err);
    for (int i = 0; r == 0 && i < 2; i++) {
        const oci_place place = oci_place_of(o, OCI_TRIAL_NAME);
        o->copies = i > 0;
        r = oci_keeper_try(&o->trial, &place, o->copies, err);
        if (r == 0 && oci_process_wait(&o->trial) == 0) {
            if (o->copies)
                ob_warn("overlay.missing", "{s:s}", "path", o->runs);
            return 0;
        }
    }
    return r < 0 ? r
                 : ob_fail(err, ENOSYS,
                           "no container can be made in %s: neither an overlay nor a copy of an "
                           "image can be mounted there",
                           o->runs);
}

static int open_images(oci *o, ob_error *err)
{
    const runtime_config *config = &o->base.config;
    return oci_images_new(&(oci_images_config){ .loop = config->loop,
                                                .dir = o->settings->images,
                                                .limit_bytes = o->settings->images_bytes,
                                                .pull_stall_ms = config->pull_stall_ms,
                                                .credentials = config->credentials,
                                                .engine = config->engine,
                                                .pulled = config->on.pulled,
                                                .arg = config->on.arg },
                          &o->images, err);
}

static void oci_free(runtime *rt)
{
    oci *o = (oci *)rt;
    if (!o)
        return;
    oci_container *c, *next;
    HASH_ITER(hh, o->containers, c, next)
    oci_free_container(c);
    loop_timer_stop(o->base.config.loop, &o->later_timer);
    oci_unwell_done(o);
    oci_events_close(o);
    if (o->images)
        oci_images_free(o->images);
    oci_programs_done(&o->programs);
    ob_host_guard_free(o->guard);
    free(o->home);
    free(o->runs);
    free(o);
}

static int oci_make(const runtime_config *config, const void *own, runtime **ret, ob_error *err)
{
    oci *o = ob_calloc(1, sizeof(*o));
    o->base = (runtime){ .ops = &runtime_oci, .config = *config };
    o->settings = own;
    o->later_timer = (loop_timer){ .fn = on_later, .arg = o };
    ob_boot_id(o->boot);
    oci_host_read(&o->host);
    oci_unwell_init(o);
    ob_cleanup(ob_freep) char *guarded = ob_strf("%s:%s:%s", o->settings->home, o->settings->images,
                                                 config->guarded_dirs ? config->guarded_dirs : "");
    o->guard = ob_host_guard_new(config->home, config->run_dir, config->engine, guarded);
    int r = geteuid() == 0 ? 0 : ob_fail(err, EPERM, "OPENBATCH_RUNTIME=oci needs root");
    if (r == 0)
        r = oci_folder_home(o->settings->home, &o->home, err);
    if (r == 0)
        o->runs = ob_strf("%s/%s", o->home, config->instance);
    if (r == 0)
        r = oci_programs_find(o->settings->runtime, o->settings->keeper, &o->programs, err);
    if (r == 0)
        r = oci_events_open(o, err);
    if (r == 0)
        r = try_host(o, err);
    if (r == 0)
        r = open_images(o, err);
    if (r < 0) {
        oci_free(&o->base);
        return r;
    }
    *ret = &o->base;
    return 0;
}

/* ---- steps ---- */

static void go_remove(oci_container *c)
{
    bool is_idle = c->keeper.fd <= 0 && c->cleaner.fd <= 0 && !c->is_clean;
    if (c->adopted && is_idle && oci_folder_is_kept(c->folder)) {
        oci_adopt_go(c);
        return;
    }
    if (c->keeper.fd > 0 && c->grace_s != 0) { /* it still runs, and nobody wants it */
        c->grace_s = 0;
        oci_keeper_stop(&c->keeper, 0);
    }
    oci_remove_go(c);
}

static void go(oci_container *c)
{
    switch (c->step) {
    case OCI_STEP_FOUND:
    case OCI_STEP_DOUBT:
        break;
    case OCI_STEP_QUEUED:
        oci_begin_go(c);
        break;
    case OCI_STEP_INTENT: /* oci_flush continues when the intent is on the disk */
        if (c->grace_s >= 0 || *c->o->unwell)
            oci_end_unstarted(c, NULL);
        break;
    case OCI_STEP_BEGIN:
        if (c->keeper.fd <= 0 && ob_boot_ms() >= c->not_before_ms)
            oci_adopt_go(c);
        break;
    case OCI_STEP_ORPHAN:
        oci_orphaned(c);
        break;
    case OCI_STEP_RUN:
    case OCI_STEP_ENDED:
        oci_follow(c);
        break;
    case OCI_STEP_REMOVE:
        go_remove(c);
        break;
    }
}

/* One disk flush for all containers that start in this turn. */
static void start_intended(oci *o)
{
    ob_error err = { 0 };
    if (!o->intents)
        return;
    if (spool_sync(o->base.config.spool, &err) < 0) {
        oci_later(o, RETRY_MS); /* the spool's owner reports it */
        return;
    }
    o->intents = false;
    oci_container *c, *next;
    HASH_ITER(hh, o->containers, c, next)
    if (c->step == OCI_STEP_INTENT)
        oci_begin_intended(c);
}

static void on_listed_name(const char *name, void *arg)
{
    oci *o = arg;
    char run[OB_RUN_TEXT];
    if (!oci_run_of_name(name, run) || oci_find(o, run))
        return;
    oci_container *c = oci_add(o, run, OCI_STEP_FOUND);
    c->adopted = true;
}

static void list(oci *o)
{
    oci_folder_each(o->runs, on_listed_name, o);
    oci_container *c, *next;
    if (o->purging) {
        HASH_ITER(hh, o->containers, c, next)
        if (c->step != OCI_STEP_REMOVE) {
            oci_adopt_go(c);
            oci_set_step(c, OCI_STEP_REMOVE);
        }
        return;
    }
    int n = (int)HASH_COUNT(o->containers);
    ob_info("engine.reached", "{s:s, s:i}", "version", o->programs.runtime, "containers", n);
    OCI_ON(o)->engine(true, o->programs.runtime, OCI_ON(o)->arg);
    HASH_ITER(hh, o->containers, c, next)
    if (c->step == OCI_STEP_FOUND)
        OCI_ON(o)->found(c->run, OCI_ON(o)->arg);
    OCI_ON(o)->listed(OCI_ON(o)->arg);
}

/* Nothing of this instance is left. */
static void forget(oci *o)
{
    oci_process p = { .loop = o->base.config.loop };
    const oci_place place = oci_place_of(o, NULL);
    if (oci_keeper_clean(&p, &place, NULL) == 0)
        (void)oci_process_wait(&p);
    oci_folder_forget(o->runs);
}

static void oci_flush(runtime *rt)
{
    oci *o = (oci *)rt;
    if (o->opened)
        list(o);
    o->opened = false;
    /* Starting or stopping one may free a slot for another. */
    for (int i = 0; o->dirty && i < 4; i++) {
        o->dirty = false;
        oci_container *c, *next;
        HASH_ITER(hh, o->containers, c, next)
        go(c);
    }
    start_intended(o);
    if (o->purging && !o->containers) {
        forget(o);
        OCI_ON(o)->purged(OCI_ON(o)->arg);
    }
}

/* ---- the table of functions ---- */

static void oci_open(runtime *rt)
{
    ((oci *)rt)->opened = true;
    oci_dirty((oci *)rt);
}

static int oci_start(
    runtime *rt, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    oci *o = (oci *)rt;
    if (*o->unwell)
        return ob_fail_retry(err, EBUSY, "%s", o->unwell);
    return oci_begin_prepare(o, ref, attempt, spec, follow, err);
}

static void oci_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    oci *o = (oci *)rt;
    oci_container *c = oci_find(o, run);
    if (!c)
        c = oci_add(o, run, OCI_STEP_FOUND);
    c->adopted = true;
    if (follow)
        oci_follow_begin(c, since_ns);
    oci_set_step(c, OCI_STEP_BEGIN);
}

static void oci_stop(runtime *rt, const char *run, int grace_s)
{
    oci_container *c = oci_find((oci *)rt, run);
    if (!c || (c->grace_s >= 0 && grace_s >= c->grace_s))
        return;
    c->grace_s = grace_s;
    oci_keeper_stop(&c->keeper, grace_s);
    oci_dirty(c->o);
}

static void oci_resume(runtime *rt, const char *run)
{
    oci_container *c = oci_find((oci *)rt, run);
    if (c)
        oci_follow_resume(c);
}

static void oci_remove(runtime *rt, const char *run)
{
    oci *o = (oci *)rt;
    oci_container *c = oci_find(o, run);
    if (!c)
        c = oci_add(o, run, OCI_STEP_FOUND);
    if (c->step == OCI_STEP_REMOVE)
        return;
    if (c->step == OCI_STEP_FOUND)
        oci_adopt_go(c);
    oci_set_step(c, OCI_STEP_REMOVE);
}

static void oci_purge(runtime *rt)
{
    ((oci *)rt)->purging = true;
    oci_open(rt);
}

const runtime_ops runtime_oci = {
    .name = "oci",
    .help = "oci: crun or runc, without a container engine",
    .fields = oci_fields,
    .settings_size = sizeof(oci_settings),
    .make = oci_make,
    .free = oci_free,
    .open = oci_open,
    .start = oci_start,
    .adopt = oci_adopt,
    .stop = oci_stop,
    .resume = oci_resume,
    .remove = oci_remove,
    .purge = oci_purge,
    .flush = oci_flush,
};
