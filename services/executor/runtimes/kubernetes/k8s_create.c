/* Makes pods. A pod begins by itself, so before Kubernetes is asked the disk has that the run may
 * begin. A creation that gets no answer may have been carried out, or may still be: the same is
 * sent again, and then the name is taken, once. So what was asked for is never given back before
 * there was an answer. Thread: the loop's. */
#include "k8s_create.h"

#include <string.h>

#include "k8s_look.h"
#include "k8s_moves.h"
#include "k8s_refusal.h"
#include "k8s_run.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define AT_ONCE 8
#define RETRY_MS 500
#define QUOTA_RETRY_MS 5000
#define QUOTA_MS 60000 /* then it is given back, and another may be placed */
/* Kubernetes itself gives up a request after a minute: a lost one is carried out by then, or never
 * will be. */
#define LOST_MS 65000

int k8s_create_prepare(
    k8s *k, const ob_run_ref *ref, int attempt, const json_t *spec, bool follow, ob_error *err)
{
    char run[OB_RUN_TEXT];
    json_t *body = NULL;
    int n = k8s_pod_make(&k->place, ref, attempt, spec, &body, err);
    if (n < 0) {
        ob_error_context(err, "CannotCreateContainerError");
        return n;
    }
    ob_run_ref_format(ref, run);
    k8s_run *r = k8s_add(k, run, k8s_pod_namespace(&k->place, spec), K8S_STEP_INTENT);
    r->body = body;
    r->fresh = true;
    if (follow)
        k8s_set_output(r, K8S_OUTPUT_IDLE);
    spool_set(k->base.config.spool, run, "intent", ob_json_text(r->name_space), true);
    return 0;
}

bool k8s_create_intended(k8s *k)
{
    bool any = false;
    for (const k8s_run *r = k->runs; r && !any; r = r->hh.next)
        any = r->step == K8S_STEP_INTENT;
    if (!any || spool_sync(k->base.config.spool, NULL) == 0)
        return true;
    k8s_later(k, RETRY_MS); /* the spool's owner reports it */
    return false;
}

/* Would be the answer to the same request again. */
static void take_refusal(k8s_run *r, const ob_kube_reply *reply)
{
    int64_t now_ms = ob_boot_ms();
    bool is_own = strcmp(r->name_space, r->k->place.name_space) == 0;
    k8s_refusal refusal = k8s_refusal_of(reply->status, reply->message, is_own);
    if (r->lost_ms && now_ms - r->lost_ms < LOST_MS) {
        /* It is refused before its name is looked at: it may be there nevertheless. */
        k8s_set_step(r, K8S_STEP_CHECK);
        k8s_set_doubt(r, K8S_DOUBT_THERE);
        k8s_hold(r, QUOTA_RETRY_MS);
        return;
    }
    ob_cleanup(ob_freep) char *text = k8s_error_text(reply);
    char reason[K8S_WHY_TEXT];
    switch (refusal) {
    case K8S_REFUSED_JOB:
        ob_text_format(reason, sizeof(reason), "CannotCreateContainerError: %s", text);
        k8s_end_unstarted(r, reason);
        break;
    case K8S_REFUSED_NOW:
        r->wait_since_ms = r->wait_since_ms ? r->wait_since_ms : now_ms;
        k8s_hold(r, QUOTA_RETRY_MS);
        if (now_ms - r->wait_since_ms >= QUOTA_MS)
            k8s_end_unstarted(r, NULL);
        break;
    case K8S_REFUSED_EVERY:
        k8s_end_unstarted(r, NULL);
        k8s_set_unwell(r->k, text);
        break;
    }
}

static void on_made(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    ob_kube_answer kind = reply->kind;
    r->op = NULL;
    r->k->creating--;
    r->k->dirty = true;
    if (kind == OB_KUBE_SERVER || kind == OB_KUBE_UNREACHABLE)
        r->lost_ms = ob_boot_ms();
    if (!k8s_is_final(r, reply))
        return;
    if (kind == OB_KUBE_OK) {
        k8s_set_step(r, K8S_STEP_LIVE);
        json_decref(ob_take(r->body));
        r->wait_since_ms = 0;
        k8s_look_answer(r, reply->json);
    } else if (kind == OB_KUBE_EXISTS) {
        k8s_set_step(r, K8S_STEP_CHECK);
        k8s_set_doubt(r, K8S_DOUBT_THERE);
    } else {
        take_refusal(r, reply);
    }
}

void k8s_create_go(k8s_run *r)
{
    bool is_given_back = (r->stop != K8S_STOP_NONE || *r->k->unwell) && !r->lost_ms;
    if (r->op)
        return;
    if (is_given_back) {
        k8s_end_unstarted(r, NULL);
        return;
    }
    if (!k8s_is_due(r) || r->k->creating >= AT_ONCE)
        return;
    r->posted = true;
    r->k->creating++;
    r->op = k8s_request(r, OB_POINT_EXECUTOR_POD_CREATE, "POST", NULL, r->body, NULL, on_made);
}
