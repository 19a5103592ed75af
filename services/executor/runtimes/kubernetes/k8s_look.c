/* From what a pod says to what the executor is told: it runs, it has ended, it is gone. Owns the
 * limits of what a pod may wait for, which Kubernetes would do for ever. Thread: the loop's. */
#include "k8s_look.h"

#include <string.h>

#include "k8s_moves.h"
#include "k8s_output.h"
#include "k8s_run.h"
#include "k8s_stop.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/mem.h"
#include "ob/message.h"

#define SPACE_MS 10000 /* the scheduler of OpenBatch has counted wrong, or others were faster */

static int64_t limit_ms(const k8s_run *r)
{
    switch (r->status.wait) {
    case K8S_WAIT_NONE:
        break;
    case K8S_WAIT_SPACE:
        return SPACE_MS;
    case K8S_WAIT_PARTS:
    case K8S_WAIT_CREATE:
        return r->k->settings->create_ms;
    case K8S_WAIT_PULL:
        return r->k->base.config.pull_stall_ms;
    case K8S_WAIT_NEVER:
        return 0;
    }
    return INT64_MAX;
}

void k8s_look_waits(k8s_run *r)
{
    int64_t now_ms = ob_boot_ms();
    if (r->wait != r->status.wait) {
        r->wait = r->status.wait;
        r->wait_since_ms = now_ms;
    }
    if (r->wait == K8S_WAIT_NONE || r->doom || r->stop != K8S_STOP_NONE)
        return;
    int64_t left_ms = r->wait_since_ms + limit_ms(r) - now_ms;
    if (left_ms > 0)
        k8s_later(r->k, left_ms);
    else if (k8s_is_due(r)) /* it may go on as long as it cannot be deleted */
        k8s_stop_doom(r, r->wait == K8S_WAIT_SPACE ? "" : r->status.why);
}

static void tell_end(k8s_run *r)
{
    runtime_end end = r->status.end;
    if (r->doom && *r->doom) {
        end.reason = r->doom;
        end.host_ended = false;
        if (end.exit_code == 0) /* it lacked a part */
            end.exit_code = -1;
    }
    k8s_tell_end(r, &end);
}

void k8s_look(k8s_run *r, const json_t *pod)
{
    k8s_keep_pod(r, pod);
    k8s_status_read(pod, &r->known, &r->status);
    r->k->dirty = true;
    if (r->step != K8S_STEP_LIVE)
        return;
    if (r->status.stage == K8S_RUNNING)
        k8s_tell_running(r, r->status.started_at_ms);
    else if (r->status.stage == K8S_ENDED)
        tell_end(r);
}

/* Versions are decimal numbers ("Resource versions" in Kubernetes' API concepts), and those of one
 * object are comparable. Of any others nothing is known. */
static bool is_older(const json_t *pod, const json_t *than)
{
    const char *a = ob_kube_meta(pod, "resourceVersion"),
               *b = ob_kube_meta(than, "resourceVersion");
    size_t n_a = strlen(a), n_b = strlen(b);
    if (strcmp(ob_kube_meta(pod, "uid"), ob_kube_meta(than, "uid")) != 0 ||
        strspn(a, "0123456789") != n_a || strspn(b, "0123456789") != n_b)
        return false;
    return n_a != n_b ? n_a < n_b : strcmp(a, b) < 0;
}

void k8s_look_answer(k8s_run *r, const json_t *pod)
{
    json_auto_t *told = r->early ? ob_take(r->early) : json_incref(r->pod);
    k8s_look(r, told && is_older(pod, told) ? told : pod);
}

void k8s_look_later(k8s_run *r, json_t *pod)
{
    json_decref(r->early);
    r->early = json_incref(pod);
}

void k8s_look_gone(k8s_run *r)
{
    bool never = r->pod && r->status.deleted && !r->status.scheduled;
    if (r->step == K8S_STEP_LIVE) {
        ob_warn("pod.vanished", "{s:s, s:s}", "run", r->run, "pod", r->name);
        k8s_tell_end(r, &(runtime_end){ .started = !never,
                                        .host_ended = !never,
                                        .exit_code = -1,
                                        .reason = never ? NULL
                                                        : "Deleted: the pod was removed before "
                                                          "its end was known" });
    }
    if (r->step == K8S_STEP_ENDED) {
        k8s_output_lost(r);
        k8s_keep_pod(r, NULL);
        r->uid[0] = '\0';
    }
    r->k->dirty = true;
}
