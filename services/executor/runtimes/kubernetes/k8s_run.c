/* A run of this instance: its place in the table, the requests about its pod, and what the executor
 * is told of it. Owns the table and the unwell state. Decides no step. Thread: the loop's. */
#include "k8s_run.h"

#include <stdio.h>
#include <string.h>

#include "k8s_moves.h"
#include "k8s_report.h"
#include "k8s_words.h"
#include "ob/json.h"
#include "ob/kube_pod.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"

#define CALL_TIMEOUT_S 30
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 10000
#define UNWELL_MS 10000 /* then the next job finds out */

void k8s_later(k8s *k, int64_t delay_ms)
{
    if (!k->later_timer.armed || k->later_timer.at_ms > ob_boot_ms() + delay_ms)
        loop_timer_set(k->base.config.loop, &k->later_timer, delay_ms);
}

/* ---- the table ---- */

k8s_run *k8s_find(k8s *k, const char *run)
{
    k8s_run *r = NULL;
    HASH_FIND_STR(k->runs, run, r);
    return r;
}

k8s_run *k8s_add(k8s *k, const char *run, const char *name_space, k8s_step step)
{
    k8s_run *r = ob_calloc(1, sizeof(*r));
    r->k = k;
    r->step = step;
    (void)snprintf(r->run, sizeof(r->run), "%s", run);
    k8s_pod_name(run, r->name);
    r->name_space = ob_strdup(name_space);
    HASH_ADD_STR(k->runs, run, r);
    k->dirty = true;
    return r;
}

k8s_run *k8s_find_pod(k8s *k, const json_t *pod)
{
    const char *name = ob_kube_meta(pod, "name"), *name_space = ob_kube_meta(pod, "namespace");
    for (k8s_run *r = k->runs; r; r = r->hh.next)
        if (strcmp(r->name, name) == 0 && strcmp(r->name_space, name_space) == 0)
            return r;
    return NULL;
}

/* Somebody may have taken its annotation off. Nobody else makes pods of such a name with such a
 * finalizer. */
bool k8s_is_of_run(const k8s_run *r, const json_t *pod)
{
    const json_t *notes = json_object_get(json_object_get(pod, "metadata"), "annotations");
    const char *run = ob_json_str(notes, K8S_ANNOTATION_RUN, "");
    if (*r->uid && strcmp(ob_kube_meta(pod, "uid"), r->uid) == 0)
        return true;
    return *run ? strcmp(run, r->run) == 0 : ob_kube_is_held(pod);
}

void k8s_drop_output(k8s_run *r)
{
    ob_http_drop(r->out.call);
    r->out.call = NULL;
    k8s_lines_reset(&r->out.lines);
}

void k8s_run_free(k8s_run *r)
{
    k8s_drop_output(r);
    r->k->creating -= r->op && r->step == K8S_STEP_CREATE;
    r->k->removing -= r->op && r->step >= K8S_STEP_REMOVE;
    r->k->dirty = true; /* another may have waited for that */
    ob_http_drop(r->op);
    ob_http_drop(r->doubt_op);
    json_decref(r->body);
    json_decref(r->pod);
    json_decref(r->early);
    free(r->name_space);
    free(r->doom);
    HASH_DEL(r->k->runs, r);
    free(r);
}

/* ---- requests ---- */

ob_http_call *k8s_request(k8s_run *r,
                          ob_point point,
                          const char *method,
                          const char *what,
                          const json_t *body,
                          const char *type,
                          ob_kube_on_reply on_reply)
{
    ob_cleanup(ob_freep) char *path =
        ob_strf("/api/v1/namespaces/%s/pods%s%s%s", r->name_space, what ? "/" : "",
                what ? r->name : "", what ? what : "");
    return ob_kube_send(r->k->kube, point,
                        &(ob_kube_request){ .method = method,
                                            .path = path,
                                            .json = body,
                                            .type = type,
                                            .timeout_s = CALL_TIMEOUT_S,
                                            .on_reply = on_reply,
                                            .arg = r });
}

void k8s_hold(k8s_run *r, int64_t delay_ms)
{
    r->not_before_ms = ob_boot_ms() + delay_ms;
    k8s_later(r->k, delay_ms);
}

char *k8s_error_text(const ob_kube_reply *reply)
{
    if (*reply->message)
        return ob_text_dup(reply->message, K8S_WHY_TEXT - 1);
    return ob_strf("Kubernetes answered %d", reply->status);
}

bool k8s_is_final(k8s_run *r, const ob_kube_reply *reply)
{
    switch (reply->kind) {
    case OB_KUBE_OK:
    case OB_KUBE_NOT_FOUND:
    case OB_KUBE_EXISTS:
    case OB_KUBE_FORBIDDEN:
    case OB_KUBE_QUOTA:
    case OB_KUBE_REFUSED:
    case OB_KUBE_INVALID:
    case OB_KUBE_EXPIRED:
        r->tries = 0;
        return true;
    case OB_KUBE_CONFLICT:
    case OB_KUBE_UNAUTHORIZED:
    case OB_KUBE_THROTTLED:
    case OB_KUBE_SERVER:
    case OB_KUBE_UNREACHABLE:
        break;
    }
    int64_t delay_ms = RETRY_MIN_MS << (r->tries < 6 ? r->tries : 6);
    delay_ms = delay_ms < RETRY_MAX_MS ? delay_ms : RETRY_MAX_MS;
    if (reply->retry_after_ms > delay_ms)
        delay_ms = reply->retry_after_ms;
    r->tries++;
    k8s_hold(r, delay_ms);
    return false;
}

bool k8s_is_due(const k8s_run *r)
{
    return !r->op && ob_boot_ms() >= r->not_before_ms;
}

/* ---- what the executor is told ---- */

void k8s_keep_pod(k8s_run *r, const json_t *pod)
{
    json_decref(r->pod);
    r->pod = json_incref((json_t *)pod);
    if (!pod)
        return;
    const json_t *metadata = json_object_get(pod, "metadata");
    ob_text_format(r->uid, sizeof(r->uid), "%s", ob_json_str(metadata, "uid", ""));
    if (r->k->purging)
        return;
    json_auto_t *report = k8s_report_make(pod);
    ON(r->k)->pod(r->run, report, ON(r->k)->arg);
}

void k8s_tell_running(k8s_run *r, int64_t started_at_ms)
{
    r->known.ran = true;
    if (!r->running_told)
        ON(r->k)->running(r->run, started_at_ms ? started_at_ms : ob_wall_ms(), ON(r->k)->arg);
    r->running_told = true;
}

void k8s_tell_end(k8s_run *r, const runtime_end *end)
{
    k8s_set_step(r, K8S_STEP_ENDED);
    r->ended_ms = ob_boot_ms();
    r->out.retry_at_ms = 0;
    json_decref(r->body);
    r->body = NULL;
    if (!r->k->purging)
        ON(r->k)->exited(r->run, end, ON(r->k)->arg);
}

void k8s_end_unstarted(k8s_run *r, const char *reason)
{
    k8s_tell_end(r, &(runtime_end){ .exit_code = -1, .reason = reason });
}

void k8s_set_unwell(k8s *k, const char *why)
{
    if (!why && !*k->unwell)
        return;
    if (!why)
        ob_info("engine.recovered", NULL);
    else if (strcmp(k->unwell, why) != 0)
        ob_warn("engine.failed", "{s:s}", "error", why);
    ob_text_format(k->unwell, sizeof(k->unwell), "%s", why ? why : "");
    if (why)
        loop_timer_set(k->base.config.loop, &k->unwell_timer, UNWELL_MS);
    k->dirty = true;
    ON(k)->unwell(why ? k->unwell : NULL, ON(k)->arg);
}
