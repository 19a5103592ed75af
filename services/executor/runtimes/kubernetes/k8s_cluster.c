/* The watch of the pods that have this instance's label, in all namespaces: a job may name one of
 * its own. Owns the watch. What the first list does not have, but the spool says that it may have
 * been made, is asked for by name, before anybody believes that it is not there. Thread: the
 * loop's. */
#include "k8s_cluster.h"

#include <string.h>
#include <sys/epoll.h>

#include "k8s_check.h"
#include "k8s_look.h"
#include "k8s_moves.h"
#include "k8s_remove.h"
#include "k8s_run.h"
#include "k8s_words.h"
#include "ob/json.h"
#include "ob/kube_pod.h"
#include "ob/log.h"
#include "ob/message.h"

/* ---- pods ---- */

/* The run that a pod names; NULL: none, or it is not that run's. */
static const char *named_run(const json_t *pod)
{
    const json_t *metadata = json_object_get(pod, "metadata");
    const char *run =
        ob_json_str(json_object_get(metadata, "annotations"), K8S_ANNOTATION_RUN, NULL);
    ob_run_ref ref;
    char name[K8S_NAME_TEXT];
    if (!run || strlen(run) >= OB_RUN_TEXT || !ob_run_ref_parse(run, &ref))
        return NULL;
    k8s_pod_name(run, name);
    return strcmp(name, ob_json_str(metadata, "name", "")) == 0 ? run : NULL;
}

/* A purge is done with a pod that it has let go: Kubernetes ends and removes it. */
static bool is_let_go(const k8s *k, const json_t *pod)
{
    return k->purging && *ob_kube_meta(pod, "deletionTimestamp") && !ob_kube_is_held(pod);
}

static void found(k8s *k, const char *run, const json_t *pod)
{
    if (is_let_go(k, pod))
        return;
    const char *name_space = ob_json_str(json_object_get(pod, "metadata"), "namespace", "");
    k8s_run *r = k8s_add(k, run, name_space, K8S_STEP_FOUND);
    k8s_look(r, pod);
    k8s_check_found(r);
}

static void take_pod(k8s_run *r, json_t *pod)
{
    const char *uid = ob_json_str(json_object_get(pod, "metadata"), "uid", "");
    if (r->step == K8S_STEP_INTENT)
        return;
    /* Only the answer to its creation says whose pod it is. */
    if (r->step == K8S_STEP_CREATE || r->step == K8S_STEP_CHECK) {
        k8s_look_later(r, pod);
        return;
    }
    if (*r->uid && strcmp(uid, r->uid) != 0) {
        if (r->doubt == K8S_DOUBT_NONE)
            k8s_set_doubt(r, K8S_DOUBT_THERE);
        return;
    }
    k8s_look(r, pod);
    if (r->step == K8S_STEP_REMOVE && r->status.stage == K8S_ENDED)
        k8s_hold(r, 0); /* that is what it waits for */
}

static void take_departure(k8s_run *r, const json_t *pod)
{
    const char *uid = ob_json_str(json_object_get(pod, "metadata"), "uid", "");
    if (*r->uid && *uid && strcmp(uid, r->uid) != 0)
        return; /* another of its name, and before it */
    if (r->step == K8S_STEP_GONE)
        k8s_remove_done(r); /* as it was to be */
    else if (r->step >= K8S_STEP_LIVE && r->doubt == K8S_DOUBT_NONE)
        k8s_set_doubt(r, K8S_DOUBT_THERE);
}

/* Somebody may have taken off what names its run, and what a list lacks has its name only: then it
 * is known by that. */
static void on_object(ob_kube_change change, json_t *pod, void *arg)
{
    k8s *k = arg;
    const char *run = named_run(pod);
    k8s_run *r = run ? k8s_find(k, run) : k8s_find_pod(k, pod);
    if (change == OB_KUBE_DELETED) {
        if (r)
            take_departure(r, pod);
    } else if (r && (*r->uid || k8s_is_of_run(r, pod))) {
        take_pod(r, pod);
    } else if (run) {
        found(k, run, pod);
    } else {
        ob_debug("pod.ignored", "{s:s}", "pod", ob_kube_meta(pod, "name"));
    }
}

/* ---- lists ---- */

/* An executor before this one wanted its pod, and no list has it: it is asked for by its name. A
 * purge asks for all. */
static bool is_missing(k8s *k, const char *run, const json_t *members)
{
    ob_run_ref ref;
    bool is_over = json_object_get(members, "gone") ||
                   (json_object_get(members, "end") && json_object_get(members, "logged"));
    return json_is_string(json_object_get(members, "intent")) && !k8s_find(k, run) &&
           ob_run_ref_parse(run, &ref) && (k->purging || !is_over);
}

static void seek_missing(k8s *k)
{
    const char *run;
    const json_t *members;
    json_object_foreach((json_t *)spool_all(k->base.config.spool), run, members)
    {
        if (!is_missing(k, run, members))
            continue;
        const char *name_space = json_string_value(json_object_get(members, "intent"));
        k8s_run *r = k8s_add(k, run, name_space, K8S_STEP_SEEK);
        k8s_set_doubt(r, K8S_DOUBT_THERE);
        k->seeking++;
    }
}

static void on_listed(void *arg)
{
    k8s *k = arg;
    if (k->list == K8S_LIST_NONE)
        seek_missing(k);
    k->list = K8S_LIST_HERE;
    k->dirty = true;
}

static void on_state(bool up, ob_kube_answer kind, const char *text, void *arg)
{
    (void)kind;
    k8s *k = arg;
    if (up && !k->up)
        ob_info("engine.reached", "{s:s, s:s}", "cluster", k->settings->cluster, "node",
                k->settings->node);
    else if (!up)
        ob_warn("engine.lost", "{s:s}", "error", text);
    k->up = up;
    ON(k)->engine(up, up ? "Kubernetes answers" : text, ON(k)->arg);
}

void k8s_cluster_go(k8s *k)
{
    if (k->list != K8S_LIST_HERE || k->seeking > 0)
        return;
    k->list = K8S_LIST_TOLD;
    if (!k->purging)
        ON(k)->listed(ON(k)->arg);
    else if (!k->runs)
        ON(k)->purged(ON(k)->arg);
}

/* ---- the client ---- */

/* The turn that it begins steps the watch. */
static void on_watch_time(void *arg)
{
    (void)arg;
}

void k8s_cluster_step(k8s *k)
{
    int64_t now_ms = ob_mono_ms();
    int64_t due_ms = k->watch ? ob_kube_watch_step(k->watch, now_ms) : INT64_MAX;
    if (due_ms < INT64_MAX)
        loop_timer_set(k->base.config.loop, &k->watch_timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static int check_settings(const k8s_settings *s, ob_error *err)
{
    const struct {
        const char *name, *value;
    } needed[] = { { "OPENBATCH_KUBERNETES_DIR", s->dir },
                   { "OPENBATCH_KUBERNETES_CLUSTER", s->cluster },
                   { "OPENBATCH_KUBERNETES_NAMESPACE", s->name_space },
                   { "OPENBATCH_KUBERNETES_NODE", s->node },
                   { "OPENBATCH_KUBERNETES_NODE_UID", s->node_uid },
                   { "OPENBATCH_KUBERNETES_CE_UUID", s->ce_uuid } };
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (!*needed[i].value)
            return ob_fail(err, EINVAL, "OPENBATCH_RUNTIME=kubernetes needs %s", needed[i].name);
    return 0;
}

static void on_ready(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    ob_http_ready(arg);
}

int k8s_cluster_make(k8s *k, ob_error *err)
{
    const k8s_settings *s = k->settings;
    k->watch_timer = (loop_timer){ .fn = on_watch_time, .arg = k };
    int r = check_settings(s, err);
    if (r == 0)
        r = ob_kube_new(s->dir, s->cluster, &k->kube, err);
    if (r < 0)
        return r;
    ob_http *http = ob_kube_http(k->kube);
    return loop_watch(k->base.config.loop, ob_http_fd(http), EPOLLIN, on_ready, http, err);
}

void k8s_cluster_done(k8s *k)
{
    loop_timer_stop(k->base.config.loop, &k->watch_timer);
    ob_kube_watch_free(k->watch);
    if (k->kube)
        loop_unwatch(k->base.config.loop, ob_http_fd(ob_kube_http(k->kube)));
    ob_kube_free(k->kube);
}

void k8s_cluster_open(k8s *k)
{
    ob_cleanup(ob_freep) char *labels = ob_strf("%s=%s", K8S_LABEL_INSTANCE, k->place.instance);
    k->watch = ob_kube_watch_new(
        k->kube, &(ob_kube_watch_options){ .path = "/api/v1/pods", .labels = labels },
        &(ob_kube_watch_ops){ .object = on_object, .listed = on_listed, .state = on_state }, k);
}
