/* Removes pods: has one deleted, waits until its containers have ended, takes our finalizer away,
 * and waits until Kubernetes says that it is gone. The finalizer stays while a container may run:
 * without it Kubernetes might forget the pod, and nobody would see it.
 *
 * A purge waits only a while for that: the node may be dead, and the instance is recorded as ended.
 * Then it lets the pod go, which Kubernetes keeps until the kubelet says that its containers have
 * ended, or the node is gone: a node that comes back ends them. One that somebody has deleted
 * without a grace would be forgotten at once, so it keeps the finalizer. Owns the count of
 * removals. Thread: the loop's. */
#include "k8s_remove.h"

#include <string.h>

#include "k8s_moves.h"
#include "k8s_run.h"
#include "k8s_words.h"
#include "ob/json.h"
#include "ob/kube_pod.h"
#include "ob/message.h"

#define REMOVALS 4
#define GRACE_S 30
#define LOOK_MS 5000    /* the watch usually says it at once */
#define ENDING_MS 30000 /* as it does that its containers have ended, if it has our label */
#define LET_GO_MS 10000 /* of a purge, see above */

void k8s_remove_done(k8s_run *r)
{
    k8s *k = r->k;
    char run[OB_RUN_TEXT];
    memcpy(run, r->run, sizeof(run));
    k8s_run_free(r);
    if (!k->purging)
        ON(k)->removed(run, ON(k)->arg);
    else if (!k->runs && k->list == K8S_LIST_TOLD)
        ON(k)->purged(ON(k)->arg);
}

/* The request is over. false: there was no good answer; it is sent again. */
static bool answered(k8s_run *r, const ob_kube_reply *reply)
{
    r->op = NULL;
    r->k->removing--;
    r->k->dirty = true;
    return k8s_is_final(r, reply);
}

static void look_later(k8s_run *r)
{
    k8s_hold(r, LOOK_MS);
}

/* It is deleted, and its containers are ending. */
static void wait_for_end(k8s_run *r)
{
    if (r->ending_ms == 0)
        r->ending_ms = ob_boot_ms();
    k8s_hold(r, r->k->purging ? LET_GO_MS : ENDING_MS);
}

static bool is_waited_for_enough(const k8s_run *r)
{
    const json_t *metadata = json_object_get(r->pod, "metadata");
    return r->k->purging && r->ending_ms > 0 && ob_boot_ms() - r->ending_ms >= LET_GO_MS &&
           ob_json_int(metadata, "deletionGracePeriodSeconds", 0) > 0;
}

static void on_seen(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    if (!answered(r, reply))
        return;
    bool is_ours = reply->status == 200 && k8s_is_of_run(r, reply->json);
    if (reply->status != 200 && reply->status != 404) {
        look_later(r); /* a right is missing: it may be given again */
    } else if (!is_ours) {
        k8s_remove_done(r);
    } else {
        k8s_keep_pod(r, reply->json);
        k8s_status_read(reply->json, &r->known, &r->status);
        if (r->step == K8S_STEP_GONE)
            k8s_set_step(r, K8S_STEP_REMOVE);
        if (r->status.deleted && r->status.stage != K8S_ENDED && !is_waited_for_enough(r))
            wait_for_end(r);
    }
}

static void on_deleted(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    if (!answered(r, reply)) {
        if (reply->kind == OB_KUBE_CONFLICT)
            k8s_keep_pod(r, NULL); /* another has its name: looks again */
        return;
    }
    /* While a finalizer holds the pod, the answer is the pod. */
    bool is_pod = strcmp(ob_json_str(reply->json, "kind", ""), "Pod") == 0;
    k8s_keep_pod(r, is_pod ? reply->json : NULL);
    if (is_pod)
        k8s_status_read(reply->json, &r->known, &r->status);
    bool is_refused = reply->kind != OB_KUBE_OK && reply->kind != OB_KUBE_NOT_FOUND;
    if (is_refused)
        look_later(r);
    else if (r->pod && r->status.stage != K8S_ENDED)
        wait_for_end(r);
}

static void on_released(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    if (!answered(r, reply)) {
        if (reply->kind == OB_KUBE_CONFLICT)
            k8s_keep_pod(r, NULL);
        return;
    }
    bool is_free = reply->status == 200 || reply->status == 404;
    bool is_let_go = r->k->purging && r->status.stage != K8S_ENDED;
    if (is_free && (r->doubt != K8S_DOUBT_NONE || is_let_go)) {
        k8s_remove_done(r); /* the watch was faster, or will not tell soon */
    } else if (is_free) {
        k8s_set_step(r, K8S_STEP_GONE);
        look_later(r);
    } else {
        k8s_keep_pod(r, NULL);
        look_later(r);
    }
}

static void send_get(k8s_run *r)
{
    r->k->removing++;
    r->op = k8s_request(r, OB_POINT_NONE, "GET", "", NULL, NULL, on_seen);
}

static void send_delete(k8s_run *r)
{
    json_auto_t *body = ob_kube_delete_options(r->uid, GRACE_S);
    r->k->removing++;
    r->op = k8s_request(r, OB_POINT_EXECUTOR_POD_DELETE, "DELETE", "", body, NULL, on_deleted);
}

static void send_release(k8s_run *r)
{
    json_auto_t *body = ob_kube_release_patch(r->pod);
    r->k->removing++;
    r->op = k8s_request(r, OB_POINT_EXECUTOR_POD_RELEASE, "PATCH", "", body, OB_KUBE_MERGE_PATCH,
                        on_released);
}

/* Nobody was asked for it; or Kubernetes does the rest, and a purge does not wait for that. */
static bool is_over(const k8s_run *r, bool is_seen)
{
    bool is_let_go = is_seen && r->status.deleted && !ob_kube_is_held(r->pod);
    return (r->fresh && !r->posted) || (r->k->purging && is_let_go);
}

void k8s_remove_go(k8s_run *r)
{
    bool is_seen = r->pod && r->step != K8S_STEP_GONE;
    if (!k8s_is_due(r) || r->k->removing >= REMOVALS)
        return;
    if (is_over(r, is_seen))
        k8s_remove_done(r);
    else if (is_seen && !r->status.deleted)
        send_delete(r);
    else if (is_seen && (r->status.stage == K8S_ENDED || is_waited_for_enough(r)))
        send_release(r);
    else
        send_get(r); /* how does it stand? */
}
