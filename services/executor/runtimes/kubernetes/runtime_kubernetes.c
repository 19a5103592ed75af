/* Pods of a Kubernetes cluster. Advances each run from step to step. A pod is made by name (a
 * second creation is a conflict, and then the existing one counts), and that it is to be made is on
 * the disk before. A pod that has ended is the record of its end: our finalizer keeps it until an
 * order removes it. Kubernetes is watched, never asked in turns; what leaves the watch is asked for
 * before it counts as gone. Thread: the loop's. */
#include "runtime_kubernetes.h"

#include <string.h>

#include "k8s_check.h"
#include "k8s_cluster.h"
#include "k8s_create.h"
#include "k8s_kept.h"
#include "k8s_look.h"
#include "k8s_moves.h"
#include "k8s_output.h"
#include "k8s_remove.h"
#include "k8s_run.h"
#include "k8s_stop.h"

#define ROUNDS 32 /* of a turn: a run with many containers without output goes on at once */

/* A timer has only the earliest time of all runs: each that still waits arms it again. */
static void arm(const k8s_run *r)
{
    const int64_t times[] = { r->not_before_ms, r->out.retry_at_ms };
    int64_t now_ms = ob_boot_ms();
    for (size_t i = 0; i < ARRAY_SIZE(times); i++)
        if (times[i] > now_ms)
            k8s_later(r->k, times[i] - now_ms);
}

static void run_go(k8s_run *r, bool intended)
{
    arm(r);
    switch (r->step) {
    case K8S_STEP_INTENT:
        if (r->stop != K8S_STOP_NONE || *r->k->unwell)
            k8s_end_unstarted(r, NULL);
        else if (intended)
            k8s_set_step(r, K8S_STEP_CREATE);
        break;
    case K8S_STEP_CREATE:
        k8s_create_go(r);
        break;
    case K8S_STEP_CHECK:
    case K8S_STEP_SEEK:
        k8s_check_go(r);
        break;
    case K8S_STEP_LIVE:
        k8s_check_go(r);
        if (r->step != K8S_STEP_LIVE)
            break;
        k8s_look_waits(r);
        k8s_stop_go(r);
        k8s_output_go(r);
        break;
    case K8S_STEP_ENDED:
        k8s_check_go(r);
        k8s_output_go(r);
        break;
    case K8S_STEP_REMOVE:
    case K8S_STEP_GONE:
        if (r->doubt != K8S_DOUBT_NONE)
            k8s_check_go(r); /* may be the end of it */
        else
            k8s_remove_go(r);
        break;
    case K8S_STEP_FOUND:
        break;
    }
}

static void k8s_flush(runtime *rt)
{
    k8s *k = (k8s *)rt;
    k8s_cluster_step(k);
    for (int i = 0; k->dirty && i < ROUNDS; i++) {
        k->dirty = false;
        bool intended = k8s_create_intended(k);
        k8s_run *r, *next;
        HASH_ITER(hh, k->runs, r, next)
        run_go(r, intended);
        k8s_cluster_go(k);
    }
    if (k->dirty)
        k8s_later(k, 0);
    ob_http_flush(ob_kube_http(k->kube));
}

/* ---- the table of functions ---- */

static void on_later(void *arg)
{
    ((k8s *)arg)->dirty = true;
}

static void on_unwell_time(void *arg)
{
    k8s_set_unwell(arg, NULL);
}

static int k8s_make(const runtime_config *config, const void *own, runtime **ret, ob_error *err)
{
    k8s *k = ob_calloc(1, sizeof(*k));
    k->base = (runtime){ .ops = &runtime_kubernetes, .config = *config };
    k->settings = own;
    k->place = (k8s_place){ .instance = config->instance,
                            .ce = config->ce,
                            .ce_uuid = k->settings->ce_uuid,
                            .name_space = k->settings->name_space,
                            .node = k->settings->node,
                            .node_uid = k->settings->node_uid };
    k->later_timer = (loop_timer){ .fn = on_later, .arg = k };
    k->unwell_timer = (loop_timer){ .fn = on_unwell_time, .arg = k };
    int r = k8s_cluster_make(k, err);
    if (r < 0) {
        k8s_cluster_done(k);
        free(k);
        return r;
    }
    *ret = &k->base;
    return 0;
}

static void k8s_free(runtime *rt)
{
    k8s *k = (k8s *)rt;
    if (!k)
        return;
    k8s_run *r, *next;
    HASH_ITER(hh, k->runs, r, next)
    k8s_run_free(r);
    loop_timer_stop(k->base.config.loop, &k->later_timer);
    loop_timer_stop(k->base.config.loop, &k->unwell_timer);
    k8s_cluster_done(k);
    free(k);
}

static void k8s_open(runtime *rt)
{
    k8s_cluster_open((k8s *)rt);
}

static int k8s_start(
    runtime *rt, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    k8s *k = (k8s *)rt;
    if (*k->unwell)
        return ob_fail_retry(err, EBUSY, "%s", k->unwell);
    return k8s_create_prepare(k, ref, attempt, spec, follow, err);
}

/* Its output goes on where an executor before this one was: Kubernetes has no offsets (since_ns is
 * 0), and may have thrown the beginning away. */
static void k8s_adopt(runtime *rt, const char *run, bool follow, int64_t since_ns)
{
    (void)since_ns;
    k8s_run *r = k8s_find((k8s *)rt, run);
    if (!r || r->step != K8S_STEP_FOUND)
        return;
    k8s_stop_recall(r);
    k8s_set_step(r, K8S_STEP_LIVE);
    if (follow) {
        k8s_kept_recall(r);
        k8s_set_output(r, K8S_OUTPUT_IDLE);
    }
    json_auto_t *pod = json_incref(r->pod);
    k8s_look(r, pod);
}

static void k8s_stop(runtime *rt, const char *run, int grace_s)
{
    k8s_run *r = k8s_find((k8s *)rt, run);
    if (r && r->step < K8S_STEP_ENDED)
        k8s_stop_ask(r, grace_s);
}

static void k8s_resume(runtime *rt, const char *run)
{
    k8s_run *r = k8s_find((k8s *)rt, run);
    if (r)
        k8s_output_resume(r);
}

static void k8s_delivered(runtime *rt, const char *run, int64_t offset)
{
    k8s_run *r = k8s_find((k8s *)rt, run);
    if (r)
        k8s_kept_delivered(r, offset);
}

/* What nobody has seen is looked for by its name: it may have been made. */
static void k8s_remove(runtime *rt, const char *run)
{
    k8s *k = (k8s *)rt;
    k8s_run *r = k8s_find(k, run);
    if (!r) {
        const json_t *intent = json_object_get(spool_get(k->base.config.spool, run), "intent");
        const char *name_space = json_string_value(intent);
        r = k8s_add(k, run, name_space ? name_space : k->place.name_space, K8S_STEP_ENDED);
    }
    if (r->step == K8S_STEP_REMOVE || r->step == K8S_STEP_GONE)
        return;
    if (r->step == K8S_STEP_SEEK)
        k8s_check_forget(r);
    k8s_drop_output(r);
    ob_http_drop(r->op);
    r->op = NULL;
    r->not_before_ms = 0;
    k8s_set_step(r, K8S_STEP_REMOVE);
}

static void k8s_purge(runtime *rt)
{
    k8s *k = (k8s *)rt;
    k->purging = true;
    k8s_cluster_open(k);
}

const runtime_ops runtime_kubernetes = {
    .name = "kubernetes",
    .help = "kubernetes: pods on one node of a cluster; the scaler sets it",
    .fields = k8s_fields,
    .settings_size = sizeof(k8s_settings),
    .make = k8s_make,
    .free = k8s_free,
    .open = k8s_open,
    .start = k8s_start,
    .adopt = k8s_adopt,
    .stop = k8s_stop,
    .resume = k8s_resume,
    .delivered = k8s_delivered,
    .remove = k8s_remove,
    .purge = k8s_purge,
    .flush = k8s_flush,
};
