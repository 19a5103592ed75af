/* Removes pods, see kube_clear.h. Lists them again and again, in all namespaces or, where that is
 * forbidden, in the environment's; has them deleted with a grace; and takes our finalizer from
 * those that have ended, or do not end in time: an instance's executor does the same for its own
 * (k8s_remove.c of the executor). One that somebody has deleted without a grace would be forgotten
 * at once, so it keeps the finalizer until it has ended. Owns the calls under way. Invariant: a
 * change names the uid of its pod. One owner thread. */
#include "kube_clear.h"

#include <stdlib.h>
#include <string.h>

#include "ob/json.h"
#include "ob/kube_pod.h"
#include "ob/mem.h"
#include "ob/message.h"
#include "ob/text.h"

#define PAGE 50 /* each of which is changed before the next page is read */
#define GRACE_S 30
#define LET_GO_MS 10000 /* after the first deletions */
#define ENOUGH_MS 40000 /* to wait for pods that nothing of ours holds any more */
#define AGAIN_MS 1000
#define TIMEOUT_S 20
#define WHY_MAX 300

#define REFUSED_MS 5000

/* A call about a pod. */
typedef struct clear_call {
    kube_clear *c;
    ob_http_call *op; /* NULL: none */
} clear_call;

struct kube_clear {
    ob_kube *kube;
    char *labels, *all,
        *own; /* the selector, and paths: of pods everywhere, and in the namespace */
    bool only_own;
    char *next; /* the page that is read next; NULL: the first */
    ob_http_call *list;
    clear_call calls[PAGE];
    size_t here; /* pods of the pages so far, ... */
    size_t held; /* ... and those of them that are not deleted, or that we hold */
    int64_t now_ms, due_ms;
    int64_t begun_ms; /* 0: there was no list yet */
    bool done;
    char *problem;
};

kube_clear *kube_clear_new(ob_kube *kube, const char *uuid, const char *kube_namespace)
{
    kube_clear *c = ob_calloc(1, sizeof(*c));
    ob_cleanup(ob_freep) char *name = ob_text_url_encode(kube_namespace);
    ob_cleanup(ob_freep) char *label = ob_text_url_encode(OB_KUBE_LABEL_CE);
    c->kube = kube;
    c->labels = ob_strf("labelSelector=%s%%3D%s&limit=%d", label, uuid, PAGE);
    c->all = ob_strdup("/api/v1/pods");
    c->own = ob_strf("/api/v1/namespaces/%s/pods", name);
    c->problem = ob_strdup("");
    for (size_t i = 0; i < PAGE; i++)
        c->calls[i].c = c;
    return c;
}

void kube_clear_free(kube_clear *c)
{
    if (!c)
        return;
    ob_http_drop(c->list);
    for (size_t i = 0; i < PAGE; i++)
        ob_http_drop(c->calls[i].op);
    free(c->labels);
    free(c->all);
    free(c->own);
    free(c->next);
    free(c->problem);
    free(c);
}

static void refused(kube_clear *c, const ob_kube_reply *reply)
{
    free(c->problem);
    c->problem = ob_strdup(ob_cut(reply->message, WHY_MAX));
    c->due_ms = c->now_ms + REFUSED_MS;
}

/* ---- One pod ---- */

/* What is refused is tried again after the next list. */
static void on_changed(const ob_kube_reply *reply, void *arg)
{
    clear_call *call = arg;
    call->op = NULL;
    if (reply->kind != OB_KUBE_OK && reply->kind != OB_KUBE_NOT_FOUND &&
        reply->kind != OB_KUBE_CONFLICT)
        refused(call->c, reply);
}

static void
send(kube_clear *c, ob_point point, const char *method, const json_t *pod, const json_t *body)
{
    ob_cleanup(ob_freep) char *space = ob_text_url_encode(ob_kube_meta(pod, "namespace"));
    ob_cleanup(ob_freep) char *name = ob_text_url_encode(ob_kube_meta(pod, "name"));
    ob_cleanup(ob_freep) char *path = ob_strf("/api/v1/namespaces/%s/pods/%s", space, name);
    size_t at = 0;
    while (at < PAGE && c->calls[at].op)
        at++;
    if (at == PAGE)
        return; /* a page that is longer than we asked for */
    bool patches = strcmp(method, "PATCH") == 0;
    c->calls[at].op = ob_kube_send(c->kube, point,
                                   &(ob_kube_request){ .method = method,
                                                       .path = path,
                                                       .json = body,
                                                       .type = patches ? OB_KUBE_MERGE_PATCH : NULL,
                                                       .timeout_s = TIMEOUT_S,
                                                       .on_reply = on_changed,
                                                       .arg = &c->calls[at] });
}

static void delete_pod(kube_clear *c, const json_t *pod)
{
    json_auto_t *body = ob_kube_delete_options(ob_kube_meta(pod, "uid"), GRACE_S);
    send(c, OB_POINT_SCALER_POD_DELETE, "DELETE", pod, body);
}

static void release_pod(kube_clear *c, const json_t *pod)
{
    json_auto_t *body = ob_kube_release_patch(pod);
    send(c, OB_POINT_SCALER_POD_RELEASE, "PATCH", pod, body);
}

static bool may_be_let_go(const kube_clear *c, const json_t *pod)
{
    const char *phase = ob_json_str(json_object_get(pod, "status"), "phase", "");
    const char *node = ob_json_str(json_object_get(pod, "spec"), "nodeName", "");
    int64_t grace_s =
        ob_json_int(json_object_get(pod, "metadata"), "deletionGracePeriodSeconds", 0);
    return !*node || strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0 ||
           (grace_s > 0 && c->now_ms - c->begun_ms >= LET_GO_MS);
}

static void remove_pod(kube_clear *c, const json_t *pod)
{
    bool ours = ob_kube_is_held(pod);
    bool deleted = *ob_kube_meta(pod, "deletionTimestamp") != '\0';
    c->here++;
    c->held += !deleted || ours;
    if (!deleted)
        delete_pod(c, pod);
    else if (ours && may_be_let_go(c, pod))
        release_pod(c, pod);
}

/* ---- Lists ---- */

static void end_list(kube_clear *c)
{
    c->done = c->here == 0 || (c->held == 0 && c->now_ms - c->begun_ms >= ENOUGH_MS);
    c->due_ms = c->now_ms + AGAIN_MS;
    c->here = c->held = 0;
}

static void take_page(kube_clear *c, const json_t *list)
{
    size_t i;
    const json_t *pod;
    const char *next = ob_kube_meta(list, "continue");
    if (c->begun_ms == 0)
        c->begun_ms = c->now_ms;
    json_array_foreach(json_object_get(list, "items"), i, pod) remove_pod(c, pod);
    if (*next)
        c->next = ob_text_url_encode(next);
    else
        end_list(c);
}

static void on_list(const ob_kube_reply *reply, void *arg)
{
    kube_clear *c = arg;
    c->list = NULL;
    free(c->next);
    c->next = NULL;
    if (reply->kind == OB_KUBE_OK) {
        take_page(c, reply->json);
        return;
    }
    c->here = c->held = 0;
    if (reply->kind == OB_KUBE_FORBIDDEN && !c->only_own)
        c->only_own = true;
    else if (reply->kind == OB_KUBE_NOT_FOUND)
        c->done = true; /* with the namespace all is gone */
    else
        refused(c, reply);
}

void kube_clear_step(kube_clear *c, int64_t now_ms)
{
    c->now_ms = now_ms;
    bool busy = c->list;
    for (size_t i = 0; i < PAGE && !busy; i++)
        busy = c->calls[i].op;
    if (busy || c->done || now_ms < c->due_ms)
        return;
    ob_cleanup(ob_freep) char *query =
        ob_strf("%s%s%s", c->labels, c->next ? "&continue=" : "", c->next ? c->next : "");
    c->list = ob_kube_send(c->kube, OB_POINT_NONE,
                           &(ob_kube_request){ .method = "GET",
                                               .path = c->only_own ? c->own : c->all,
                                               .query = query,
                                               .timeout_s = TIMEOUT_S,
                                               .on_reply = on_list,
                                               .arg = c });
}

bool kube_clear_done(const kube_clear *c)
{
    return c->done;
}

const char *kube_clear_problem(const kube_clear *c)
{
    return c->problem;
}
