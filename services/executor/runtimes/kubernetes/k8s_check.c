/* Asks for a pod by its name: because another request has found the name taken, or because the pod
 * has left the watch. That it left proves nothing: somebody may have taken our label off it. It
 * gets the label back, and is watched on. Thread: the loop's. */
#include "k8s_check.h"

#include <string.h>

#include "k8s_look.h"
#include "k8s_moves.h"
#include "k8s_remove.h"
#include "k8s_run.h"
#include "k8s_words.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"

static const char *label_of(const json_t *pod, const char *name)
{
    const json_t *metadata = json_object_get(pod, "metadata");
    return ob_json_str(json_object_get(metadata, "labels"), name, "");
}

static bool is_other_pod(const k8s_run *r, const json_t *pod)
{
    const char *uid = ob_json_str(json_object_get(pod, "metadata"), "uid", "");
    return *r->uid && strcmp(uid, r->uid) != 0;
}

static void ask_again(k8s_run *r)
{
    k8s_set_doubt(r, K8S_DOUBT_THERE);
}

static void ask_again_later(k8s_run *r)
{
    k8s_hold(r, K8S_REFUSED_MS);
    ask_again(r);
}

static void sought(k8s *k)
{
    k->seeking--;
    k->dirty = true;
}

void k8s_check_forget(k8s_run *r)
{
    ob_http_drop(r->doubt_op);
    r->doubt_op = NULL;
    k8s_set_doubt(r, K8S_DOUBT_NONE);
    if (r->step == K8S_STEP_SEEK)
        sought(r->k);
}

void k8s_check_found(k8s_run *r)
{
    if (r->k->purging)
        k8s_set_step(r, K8S_STEP_REMOVE);
    else
        ON(r->k)->found(r->run, ON(r->k)->arg);
}

/* It is this run's, and in our watch. */
static void accept(k8s_run *r, const json_t *pod)
{
    bool is_found = r->step == K8S_STEP_SEEK;
    k8s_set_doubt(r, K8S_DOUBT_NONE);
    if (r->step == K8S_STEP_CHECK)
        k8s_set_step(r, K8S_STEP_LIVE);
    else if (is_found)
        k8s_set_step(r, K8S_STEP_FOUND);
    k8s_look_answer(r, pod);
    if (!is_found)
        return;
    sought(r->k);
    k8s_check_found(r);
}

/* Only when it was to be made: a copy that was restored from a backup begins a run again. */
static void end_elsewhere(k8s_run *r)
{
    ob_warn("pod.elsewhere", "{s:s, s:s}", "run", r->run, "pod", r->name);
    k8s_set_doubt(r, K8S_DOUBT_NONE);
    k8s_tell_end(r, &(runtime_end){ .started = true,
                                    .exit_code = -1,
                                    .reason = "CannotInspectContainerError: this run already has a "
                                              "pod, on another node" });
}

static void end_of_others(k8s_run *r)
{
    k8s_set_doubt(r, K8S_DOUBT_NONE);
    k8s_end_unstarted(r,
                      "CannotCreateContainerError: there is a pod of this run's name that is not "
                      "this run's");
}

static void on_labelled(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    r->doubt_op = NULL;
    r->k->dirty = true;
    if (!k8s_is_final(r, reply))
        ask_again(r);
    else if (reply->status == 200)
        accept(r, reply->json);
    else
        ask_again_later(r);
}

static void send_label(k8s_run *r, const json_t *pod)
{
    ob_warn("pod.claimed", "{s:s, s:s}", "run", r->run, "pod", r->name);
    if (r->step == K8S_STEP_LIVE)
        k8s_look_answer(r, pod); /* no watch tells how it stands */
    json_auto_t *body =
        json_pack("{s:{s:o, s:{s:o}}}", "metadata", "uid",
                  ob_json_text(ob_json_str(json_object_get(pod, "metadata"), "uid", "")), "labels",
                  K8S_LABEL_INSTANCE, ob_json_text(r->k->place.instance));
    r->doubt_op = k8s_request(r, OB_POINT_EXECUTOR_POD_LABEL, "PATCH", "", body,
                              OB_KUBE_MERGE_PATCH, on_labelled);
}

static void take_nothing(k8s_run *r)
{
    k8s_set_doubt(r, K8S_DOUBT_NONE);
    if (r->step == K8S_STEP_SEEK) {
        sought(r->k);
        k8s_run_free(r);
    } else if (r->step == K8S_STEP_CHECK)
        k8s_set_step(r, K8S_STEP_CREATE);
    else if (r->step == K8S_STEP_REMOVE || r->step == K8S_STEP_GONE)
        k8s_remove_done(r);
    else
        k8s_look_gone(r);
}

static void take_pod(k8s_run *r, const json_t *pod)
{
    bool is_check = r->step == K8S_STEP_CHECK;
    bool is_here = strcmp(label_of(pod, K8S_LABEL_NODE), r->k->place.node_uid) == 0;
    if (r->step == K8S_STEP_SEEK && !(is_here && k8s_is_of_run(r, pod))) {
        take_nothing(r);
    } else if (is_check && !k8s_is_of_run(r, pod)) {
        end_of_others(r);
    } else if (is_check && !is_here) {
        end_elsewhere(r);
    } else if (is_other_pod(r, pod)) {
        k8s_set_doubt(r, K8S_DOUBT_NONE);
        k8s_look_gone(r);
    } else if (strcmp(label_of(pod, K8S_LABEL_INSTANCE), r->k->place.instance) != 0) {
        send_label(r, pod);
    } else {
        accept(r, pod);
    }
}

static void on_seen(const ob_kube_reply *reply, void *arg)
{
    k8s_run *r = arg;
    r->doubt_op = NULL;
    r->k->dirty = true;
    if (!k8s_is_final(r, reply)) {
        ask_again(r);
    } else if (reply->status == 404) {
        take_nothing(r);
    } else if (reply->status == 200) {
        take_pod(r, reply->json);
    } else {
        ask_again_later(r);
    }
}

void k8s_check_go(k8s_run *r)
{
    if (r->doubt != K8S_DOUBT_THERE || r->doubt_op || ob_boot_ms() < r->not_before_ms)
        return;
    k8s_set_doubt(r, K8S_DOUBT_ASKED);
    r->doubt_op = k8s_request(r, OB_POINT_NONE, "GET", "", NULL, NULL, on_seen);
}
