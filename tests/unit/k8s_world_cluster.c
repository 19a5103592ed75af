/* See k8s_world_cluster.h: the client, and the cluster behind it. */
#include "k8s_world_cluster.h"

#include <utlist.h>

#include "ob/json.h"
#include "ob/message.h"
#include "runtimes/kubernetes/k8s_name.h"

struct ob_http_call {
    char *method, *path;
    json_t *body;
    ob_kube_request request; /* its texts are not kept */
    bool answered, follows, paused;
    size_t said; /* of the log */
    struct ob_http_call *prev, *next;
};

struct ob_kube_watch {
    ob_kube_watch_ops on;
    void *arg;
    json_t *held; /* by name: what is told of it when a list lacks it */
    bool listed;
};

static ob_http_call *ops;
static ob_kube_watch *the_watch;

/* ---- the client ---- */

__typeof__(ob_kube_new) __wrap_ob_kube_new;
__typeof__(ob_kube_free) __wrap_ob_kube_free;
__typeof__(ob_kube_http) __wrap_ob_kube_http;
__typeof__(ob_kube_send) __wrap_ob_kube_send;
__typeof__(ob_http_drop) __wrap_ob_http_drop;
__typeof__(ob_http_resume) __wrap_ob_http_resume;
__typeof__(ob_http_flush) __wrap_ob_http_flush;
__typeof__(ob_http_fd) __wrap_ob_http_fd;
__typeof__(ob_http_ready) __wrap_ob_http_ready;
__typeof__(ob_kube_watch_new) __wrap_ob_kube_watch_new;
__typeof__(ob_kube_watch_free) __wrap_ob_kube_watch_free;
__typeof__(ob_kube_watch_step) __wrap_ob_kube_watch_step;

int __wrap_ob_kube_new(const char *dir, const char *arn, ob_kube **ret, ob_error *err)
{
    *ret = (ob_kube *)the_world;
    return 0;
}

ob_http *__wrap_ob_kube_http(const ob_kube *k)
{
    return NULL;
}

static void op_free(ob_http_call *op)
{
    DL_DELETE(ops, op);
    free(op->method);
    free(op->path);
    json_decref(op->body);
    free(op);
}

void __wrap_ob_kube_free(ob_kube *k)
{
    assert_null(ops);
}

ob_http_call *__wrap_ob_kube_send(ob_kube *k, ob_point point, const ob_kube_request *request)
{
    ob_http_call *op = ob_calloc(1, sizeof(*op));
    assert_true((point == OB_POINT_NONE) == (strcmp(request->method, "GET") == 0));
    op->method = ob_strdup(request->method);
    op->path = ob_strf("%s%s%s", request->path, request->query ? "?" : "",
                       request->query ? request->query : "");
    op->body = json_deep_copy(request->json);
    op->request = *request;
    DL_APPEND(ops, op);
    return op;
}

void __wrap_ob_http_drop(ob_http_call *op)
{
    if (op)
        op_free(op);
}

void __wrap_ob_http_resume(ob_http_call *op)
{
    op->paused = false;
}

void __wrap_ob_http_flush(ob_http *h)
{
}

void __wrap_ob_http_ready(ob_http *h)
{
}

int __wrap_ob_http_fd(const ob_http *h)
{
    return -1;
}

/* ---- the cluster ---- */

static json_t *in(json_t *pod, const char *object)
{
    if (!json_object_get(pod, object))
        (void)json_object_set_new(pod, object, json_object());
    return json_object_get(pod, object);
}

static const char *name_of(const json_t *pod)
{
    return ob_json_str(json_object_get(pod, "metadata"), "name", "");
}

static bool is_watched(const json_t *pod)
{
    const json_t *labels = json_object_get(json_object_get(pod, "metadata"), "labels");
    return strcmp(ob_json_str(labels, "openbatch.io/instance", ""), INSTANCE) == 0;
}

static void hold(const json_t *pod)
{
    (void)json_object_set_new(the_watch->held, name_of(pod),
                              json_pack("{s:{s:s, s:s, s:s}}", "metadata", "name", name_of(pod),
                                        "namespace", ob_kube_meta(pod, "namespace"), "uid",
                                        ob_kube_meta(pod, "uid")));
}

static void tell_watch(world *w, ob_kube_change change, json_t *pod)
{
    if (!the_watch || !the_watch->listed || w->deaf)
        return;
    bool held = json_object_get(the_watch->held, name_of(pod));
    if (change != OB_KUBE_DELETED && !is_watched(pod))
        change = OB_KUBE_DELETED; /* it leaves the selector */
    if (change == OB_KUBE_DELETED && !held)
        return;
    if (change == OB_KUBE_DELETED)
        (void)json_object_del(the_watch->held, name_of(pod));
    else
        hold(pod);
    json_auto_t *copy = json_deep_copy(pod);
    the_watch->on.object(change, copy, the_watch->arg);
}

static bool has_containers(const json_t *pod)
{
    const char *phase = ob_json_str(json_object_get(pod, "status"), "phase", "");
    return json_object_get(json_object_get(pod, "spec"), "nodeName") &&
           strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0;
}

/* Deleted with a grace it stays until the kubelet says that its containers have ended. */
static void changed(world *w, json_t *pod)
{
    char version[24];
    (void)snprintf(version, sizeof(version), "%lld", (long long)++w->version);
    json_t *metadata = in(pod, "metadata");
    (void)json_object_set_new(metadata, "resourceVersion", json_string(version));
    json_auto_t *keep = json_incref(pod);
    if (json_object_get(metadata, "deletionTimestamp") &&
        json_array_size(json_object_get(metadata, "finalizers")) == 0 &&
        (ob_json_int(metadata, "deletionGracePeriodSeconds", 0) == 0 || !has_containers(pod))) {
        (void)json_object_del(w->pods, name_of(pod));
        tell_watch(w, OB_KUBE_DELETED, keep);
    } else {
        tell_watch(w, OB_KUBE_MODIFIED, keep);
    }
}

json_t *pod_of(world *w, const char *run)
{
    char name[K8S_NAME_TEXT];
    k8s_pod_name(run, name);
    return json_object_get(w->pods, name);
}

static void make_pod(world *w, const json_t *body)
{
    static int serial;
    char uid[32];
    json_t *pod = json_deep_copy(body);
    (void)snprintf(uid, sizeof(uid), "uid-%d", ++serial);
    (void)json_object_set_new(in(pod, "metadata"), "uid", json_string(uid));
    (void)json_object_set_new(pod, "status", json_pack("{s:s}", "phase", "Pending"));
    (void)json_object_set_new(w->pods, name_of(pod), pod);
    changed(w, pod);
}

/* A grace can only be made shorter. */
static void mark_deleted(world *w, json_t *pod, int64_t grace_s)
{
    json_t *metadata = in(pod, "metadata");
    if (!json_object_get(metadata, "deletionTimestamp"))
        (void)json_object_set_new(metadata, "deletionTimestamp",
                                  json_string("2026-12-02T10:00:00Z"));
    if (!has_containers(pod))
        grace_s = 0;
    if (grace_s < ob_json_int(metadata, "deletionGracePeriodSeconds", INT64_MAX))
        (void)json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(grace_s));
    changed(w, pod);
}

static bool is_precondition_met(const json_t *pod, const json_t *wanted)
{
    const json_t *metadata = json_object_get(pod, "metadata");
    static const char *const names[] = { "uid", "resourceVersion" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *want = ob_json_str(wanted, names[i], NULL);
        if (want && strcmp(want, ob_json_str(metadata, names[i], "")) != 0)
            return false;
    }
    return true;
}

static void patch(world *w, json_t *pod, const json_t *body)
{
    const json_t *given = json_object_get(body, "metadata");
    json_t *metadata = in(pod, "metadata");
    if (json_object_get(given, "labels"))
        (void)json_object_update(in(metadata, "labels"), json_object_get(given, "labels"));
    if (json_object_get(given, "finalizers"))
        (void)json_object_set(metadata, "finalizers", json_object_get(given, "finalizers"));
    changed(w, pod);
}

/* ---- answers ---- */

static ob_kube_answer kind_of(int status, const char *message)
{
    switch (status) {
    case 0:
        return OB_KUBE_UNREACHABLE;
    case 200:
    case 201:
        return OB_KUBE_OK;
    case 403:
        return strstr(message, "quota") ? OB_KUBE_QUOTA : OB_KUBE_FORBIDDEN;
    case 404:
        return OB_KUBE_NOT_FOUND;
    case 409:
        return strstr(message, "exists") ? OB_KUBE_EXISTS : OB_KUBE_CONFLICT;
    case 422:
        return OB_KUBE_INVALID;
    default:
        return OB_KUBE_SERVER;
    }
}

static void reply(ob_http_call *op, int status, const json_t *json, const char *message)
{
    ob_kube_on_reply fn = op->request.on_reply;
    void *arg = op->request.arg;
    json_auto_t *copy = json ? json_deep_copy(json) : NULL;
    ob_kube_reply r = { .kind = kind_of(status, message),
                        .status = status,
                        .json = copy,
                        .body = "",
                        .reason = "",
                        .message = status == 0 ? "no answer" : message };
    op_free(op);
    fn(&r, arg);
}

static const char *path_end(const ob_http_call *op)
{
    return strrchr(op->path, '/') + 1;
}

/* Does the reading go on after all that there is? */
static bool is_open(const world *w, const ob_http_call *op)
{
    return w->log_stuck || (op->follows && w->log_open);
}

static void answer_log(world *w, ob_http_call *op)
{
    if (!op->answered) {
        w->log_gets++;
        (void)snprintf(w->last_log, sizeof(w->last_log), "%s", op->path);
        op->answered = true;
        op->follows = strstr(op->path, "follow=true");
        if (w->log_status) {
            reply(op, w->log_status, NULL, "no log");
            return;
        }
    }
    const char *rest = w->log ? w->log + op->said : "";
    if (*rest) {
        size_t before = op->said;
        op->said += strlen(rest);
        if (op->request.on_data(rest, strlen(rest), op->request.arg))
            return; /* the call may be gone */
        op->said = before;
        op->paused = true;
    } else if (!is_open(w, op)) {
        reply(op, 200, NULL, "");
    }
}

static bool is_refused(const world *w, const ob_http_call *op)
{
    return w->change_refused && strcmp(w->change_method, op->method) == 0;
}

static void put_status(world *w, json_t *pod, const char *status)
{
    ob_cleanup(ob_freep) char *text = ob_strdup(status);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *value = ob_json_read_text(text);
    assert_non_null(value);
    (void)json_object_set_new(pod, "status", value);
    (void)json_object_set_new(in(pod, "spec"), "nodeName", json_string("node-1"));
    changed(w, pod);
}

/* The answer has the pod as it was, and the watch tells first what has become of it. New. */
static json_t *as_it_was(world *w, json_t *pod)
{
    json_t *copy = json_deep_copy(pod);
    if (pod && w->meanwhile)
        put_status(w, pod, ob_take(w->meanwhile));
    return copy;
}

static void
do_change(world *w, ob_http_call *op, int *ret_status, json_t **ret_pod, const char **ret_message)
{
    const char *name = path_end(op);
    json_t *pod = json_object_get(w->pods, name);
    *ret_pod = NULL;
    *ret_message = "";
    *ret_status = 200;
    if (strcmp(op->method, "POST") == 0) {
        w->posts++;
        w->intent_on_disk = json_object_get(
            spool_get(w->spool, ob_json_str(json_object_get(json_object_get(op->body, "metadata"),
                                                            "annotations"),
                                            "openbatch.io/run", "")),
            "intent");
        pod = json_object_get(w->pods, name_of(op->body));
        *ret_status = pod ? 409 : w->refused ? w->refused : 201;
        *ret_message = pod ? "pods already exists" : w->refused ? w->refusal : "";
        if (*ret_status == 201)
            make_pod(w, op->body);
        *ret_pod = json_object_get(w->pods, name_of(op->body));
        return;
    }
    const json_t *wanted = json_object_get(op->body, "metadata");
    bool is_delete = strcmp(op->method, "DELETE") == 0;
    if (is_delete)
        wanted = json_object_get(op->body, "preconditions");
    *(is_delete ? &w->deletes : &w->patches) += 1;
    if (is_refused(w, op)) {
        *ret_status = w->change_refused;
    } else if (!pod) {
        *ret_status = 404;
    } else if (!is_precondition_met(pod, wanted)) {
        *ret_status = 409;
        *ret_message = "the object has been modified";
    } else if (is_delete) {
        w->grace_s = ob_json_int(op->body, "gracePeriodSeconds", -1);
        mark_deleted(w, pod, w->grace_s);
    } else {
        patch(w, pod, op->body);
    }
    *ret_pod = json_object_get(w->pods, name);
}

static void answer(world *w, ob_http_call *op)
{
    if (strstr(op->path, "/log?")) {
        answer_log(w, op);
        return;
    }
    if (strcmp(op->method, "GET") == 0) {
        json_t *pod = json_object_get(w->pods, path_end(op));
        int refused = is_refused(w, op) ? w->change_refused : 0;
        w->gets++;
        json_auto_t *was = as_it_was(w, pod);
        reply(op, refused ? refused : was ? 200 : 404, refused ? NULL : was, "");
        return;
    }
    int status = 0;
    json_t *pod = NULL;
    const char *message = "";
    bool is_lost = w->lost > 0 && (!w->lost_method || strcmp(w->lost_method, op->method) == 0);
    if (is_lost)
        w->lost--;
    if (!is_lost || !w->lost_whole)
        do_change(w, op, &status, &pod, &message);
    else if (strcmp(op->method, "POST") == 0)
        w->posts++;
    json_auto_t *was = status == 201 ? as_it_was(w, pod) : json_incref(pod);
    reply(op, is_lost ? 0 : status, status == 200 || status == 201 ? was : NULL, message);
}

bool answer_one(world *w)
{
    ob_http_call *op;
    DL_FOREACH(ops, op)
    {
        bool is_silent = op->answered && is_open(w, op) && (!w->log || !w->log[op->said]);
        if (is_silent || op->paused)
            continue;
        answer(w, op);
        return true;
    }
    return false;
}

/* ---- the watch ---- */

ob_kube_watch *__wrap_ob_kube_watch_new(ob_kube *k,
                                        const ob_kube_watch_options *options,
                                        const ob_kube_watch_ops *on,
                                        void *arg)
{
    assert_string_equal(options->path, "/api/v1/pods");
    assert_string_equal(options->labels, "openbatch.io/instance=" INSTANCE);
    the_watch = ob_calloc(1, sizeof(*the_watch));
    the_watch->on = *on;
    the_watch->arg = arg;
    the_watch->held = json_object();
    return the_watch;
}

void __wrap_ob_kube_watch_free(ob_kube_watch *watch)
{
    if (!watch)
        return;
    json_decref(watch->held);
    free(watch);
    the_watch = NULL;
}

void relist(world *w)
{
    json_auto_t *there = json_deep_copy(w->pods);
    json_auto_t *held = json_deep_copy(the_watch->held);
    const char *name;
    json_t *pod;
    the_watch->listed = true;
    json_object_foreach(there, name, pod)
    {
        if (!is_watched(pod))
            continue;
        (void)json_object_del(held, name);
        hold(pod);
        the_watch->on.object(OB_KUBE_LISTED, pod, the_watch->arg);
    }
    json_object_foreach(held, name, pod)
    {
        (void)json_object_del(the_watch->held, name);
        the_watch->on.object(OB_KUBE_DELETED, pod, the_watch->arg);
    }
    the_watch->on.listed(the_watch->arg);
    turn(w);
}

int64_t __wrap_ob_kube_watch_step(ob_kube_watch *watch, int64_t at_ms)
{
    return INT64_MAX;
}

/* ---- what becomes of pods ---- */

void set_status(world *w, const char *run, const char *status)
{
    put_status(w, pod_of(w, run), status);
    turn(w);
}

static void take_off(world *w, const char *run, const char *map, const char *name)
{
    json_t *pod = pod_of(w, run);
    (void)json_object_del(json_object_get(in(pod, "metadata"), map), name);
    changed(w, pod);
    turn(w);
}

void take_label(world *w, const char *run)
{
    take_off(w, run, "labels", "openbatch.io/instance");
}

void take_annotation(world *w, const char *run)
{
    take_off(w, run, "annotations", "openbatch.io/run");
}

void strip(world *w, const char *run)
{
    json_t *pod = json_incref(pod_of(w, run));
    (void)json_object_del(w->pods, name_of(pod));
    tell_watch(w, OB_KUBE_DELETED, pod);
    json_decref(pod);
    turn(w);
}

void delete_by_hand(world *w, const char *run, int64_t grace_s)
{
    mark_deleted(w, pod_of(w, run), grace_s);
    turn(w);
}

json_t *plant(world *w, const char *run, const char *instance, const char *node_uid)
{
    char name[K8S_NAME_TEXT];
    k8s_pod_name(run, name);
    json_auto_t *body =
        json_pack("{s:{s:s, s:s, s:{s:s}, s:{s:s, s:s}, s:[s]}, s:{s:[{s:s}]}}", "metadata", "name",
                  name, "namespace", "jobs", "annotations", "openbatch.io/run", run, "labels",
                  "openbatch.io/instance", instance, "batch.amazonaws.com/node-uid", node_uid,
                  "finalizers", "openbatch.io/run", "spec", "containers", "name", "default");
    make_pod(w, body);
    return pod_of(w, run);
}
