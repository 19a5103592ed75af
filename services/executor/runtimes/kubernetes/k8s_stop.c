/* Has pods deleted that are to end. Their finalizer keeps them, with the end that they come to.
 * Kubernetes sends SIGTERM, and SIGKILL after the grace. A grace of 0 would make Kubernetes forget
 * a pod whose containers may run on, so the least is a second. A refused deletion is sent again: a
 * right may be given again. Owns the wish. Thread: the loop's. */
#include "k8s_stop.h"

#include "k8s_moves.h"
#include "k8s_run.h"
#include "ob/json.h"
#include "ob/kube_pod.h"
#include "ob/log.h"
#include "ob/message.h"

#define DOOM_GRACE_S 30

void k8s_stop_ask(k8s_run *r, int grace_s)
{
    if (r->asked && r->stop != K8S_STOP_NONE && grace_s >= r->grace_s)
        return;
    r->asked = true;
    r->grace_s = grace_s;
    k8s_set_stop(r, K8S_STOP_WANTED);
}

void k8s_stop_doom(k8s_run *r, const char *why)
{
    if (r->stop != K8S_STOP_NONE || r->doom)
        return;
    r->doom = ob_strdup(why);
    r->grace_s = DOOM_GRACE_S;
    k8s_set_stop(r, K8S_STOP_WANTED);
}

void k8s_stop_recall(k8s_run *r)
{
    const json_t *members = spool_get(r->k->base.config.spool, r->run);
    r->known.stopped |= ob_json_bool(members, "podStopped", false);
    r->known.ran |= ob_json_int(members, "running", 0) > 0;
}

static void remember(k8s_run *r)
{
    r->known.stopped = true;
    spool_set(r->k->base.config.spool, r->run, "podStopped", json_true(), false);
}

/* Only an order of the executor's is repeated. A pod that waits too long is looked at anew. */
static void forget_doom(k8s_run *r)
{
    if (r->asked)
        return;
    free(ob_take(r->doom));
    k8s_set_stop(r, K8S_STOP_NONE);
}

static void doubt_it(k8s_run *r)
{
    if (r->doubt == K8S_DOUBT_NONE)
        k8s_set_doubt(r, K8S_DOUBT_THERE);
}

static void on_deleted(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    r->op = NULL;
    r->k->dirty = true;
    if (!k8s_is_final(r, reply)) {
        /* Another pod has the name, or this one has begun meanwhile. */
        if (reply->kind == OB_KUBE_CONFLICT) {
            doubt_it(r);
            r->wait_since_ms = r->asked ? r->wait_since_ms : ob_boot_ms();
            forget_doom(r);
        }
    } else if (reply->kind == OB_KUBE_OK) {
        k8s_set_stop(r, K8S_STOP_SENT);
        remember(r);
    } else if (reply->kind == OB_KUBE_NOT_FOUND) {
        doubt_it(r);
        k8s_hold(r, K8S_REFUSED_MS);
    } else {
        ob_cleanup(ob_freep) char *why = k8s_error_text(reply);
        ob_warn("pod.kept", "{s:s, s:s, s:s}", "run", r->run, "pod", r->name, "error", why);
        k8s_hold(r, K8S_REFUSED_MS);
        forget_doom(r);
    }
}

void k8s_stop_go(k8s_run *r)
{
    if (r->stop != K8S_STOP_WANTED || !k8s_is_due(r) || !*r->uid)
        return;
    const json_t *metadata = json_object_get(r->pod, "metadata");
    json_auto_t *body = ob_kube_delete_options(r->uid, r->grace_s > 0 ? r->grace_s : 1);
    /* What waits for space is taken back only if it still does. */
    if (!r->asked && r->status.wait == K8S_WAIT_SPACE)
        (void)json_object_set_new(json_object_get(body, "preconditions"), "resourceVersion",
                                  ob_json_text(ob_json_str(metadata, "resourceVersion", NULL)));
    r->op = k8s_request(r, OB_POINT_EXECUTOR_POD_STOP, "DELETE", "", body, NULL, on_deleted);
}
