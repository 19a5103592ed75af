/* How a pod stands. Owns the knowledge of the words that Kubernetes uses (k8s.io/api/core/v1 and
 * the kubelet's and controllers' own). Decides nothing about time: how long a wait may last is the
 * caller's matter.
 *
 * Invariants: only the kubelet's words about containers count as an exit code; success needs the
 * phase Succeeded; "it did not start" is believed only if nothing says that a container ran. Any
 * thread. */
#include "k8s_status.h"

#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "runtimes/rfc3339.h"

#define EXIT_CODE_MAX 255

static const char *const kinds[] = { "initContainerStatuses", "containerStatuses" };
enum { INIT, MAIN };

/* ---- words ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static int64_t read_ms(const json_t *object, const char *name)
{
    const char *text = ob_json_str(object, name, "");
    return rfc3339_ns(text, strlen(text), NULL) / 1000000;
}

static const json_t *status_of(const json_t *pod)
{
    return json_object_get(pod, "status");
}

static const json_t *list_of(const json_t *pod, int kind)
{
    return json_object_get(status_of(pod), kinds[kind]);
}

/* One of running, waiting, terminated. */
static const json_t *state_of(const json_t *container, const char *name)
{
    return json_object_get(json_object_get(container, "state"), name);
}

static const json_t *condition_of(const json_t *pod, const char *type)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(status_of(pod), "conditions"), i, one)
    {
        if (strcmp(ob_json_str(one, "type", ""), type) == 0)
            return one;
    }
    return NULL;
}

static bool condition_is(const json_t *condition, const char *status)
{
    return strcmp(ob_json_str(condition, "status", ""), status) == 0;
}

static void say(k8s_status *ret, const char *kind, const char *text, const char *otherwise)
{
    const char *said = *text ? text : otherwise;
    ob_text_format(ret->why, sizeof(ret->why), "%s%s%s", kind, *kind ? ": " : "", said);
}

/* ---- containers ---- */

/* 0: it has not begun, or nobody says when. The kubelet writes 1970 for one that did not start. */
static int64_t began_ms(const json_t *container)
{
    int64_t at_ms = read_ms(state_of(container, "running"), "startedAt");
    return at_ms ? at_ms : read_ms(state_of(container, "terminated"), "startedAt");
}

static bool is_unstarted(const json_t *terminated)
{
    static const char *const words[] = { "StartError", "ContainerCannotRun", NULL };
    return is_one_of(ob_json_str(terminated, "reason", ""), words) &&
           read_ms(terminated, "startedAt") == 0;
}

/* The kubelet died while it had the container made, before its command could begin. */
static bool is_cut_off(const json_t *terminated)
{
    const char *message = ob_json_str(terminated, "message", "");
    return terminated && is_unstarted(terminated) &&
           strstr(message, "failed to create containerd task") &&
           strstr(message, "context canceled");
}

static bool is_unknown(const json_t *terminated)
{
    return strcmp(ob_json_str(terminated, "reason", ""), "ContainerStatusUnknown") == 0;
}

/* The kubelet also calls a container unknown that it never made, when the pod is deleted. */
static bool has_begun(const json_t *container)
{
    const json_t *terminated = state_of(container, "terminated");
    if (terminated && is_unknown(terminated))
        return *ob_json_str(container, "containerID", "") || read_ms(terminated, "startedAt") ||
               json_object_size(json_object_get(container, "lastState")) > 0;
    return state_of(container, "running") || (terminated && !is_unstarted(terminated));
}

static bool any_has_begun(const json_t *pod)
{
    for (int kind = INIT; kind <= MAIN; kind++) {
        size_t i;
        const json_t *one;
        json_array_foreach(list_of(pod, kind), i, one)
        {
            if (has_begun(one))
                return true;
        }
    }
    return false;
}

static bool main_has_begun(const json_t *pod, int64_t *ret_ms)
{
    size_t i;
    const json_t *one;
    bool begun = false;
    *ret_ms = 0;
    json_array_foreach(list_of(pod, MAIN), i, one)
    {
        int64_t at_ms = began_ms(one);
        begun = begun || has_begun(one);
        if (at_ms && (!*ret_ms || at_ms < *ret_ms))
            *ret_ms = at_ms;
    }
    return begun;
}

static int64_t last_end_ms(const json_t *pod)
{
    int64_t last_ms = 0;
    for (int kind = INIT; kind <= MAIN; kind++) {
        size_t i;
        const json_t *one;
        json_array_foreach(list_of(pod, kind), i, one)
        {
            int64_t at_ms = read_ms(state_of(one, "terminated"), "finishedAt");
            last_ms = at_ms > last_ms ? at_ms : last_ms;
        }
    }
    return last_ms;
}

const json_t *k8s_status_named(const json_t *statuses, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(statuses, i, one)
    {
        if (strcmp(ob_json_str(one, "name", ""), name) == 0)
            return one;
    }
    return NULL;
}

/* The first that failed, in the order of the job; NULL: none did. */
static const json_t *first_failed(const json_t *pod)
{
    static const char *const specs[] = { "initContainers", "containers" };
    for (int kind = INIT; kind <= MAIN; kind++) {
        size_t i;
        const json_t *one;
        json_array_foreach(json_object_get(json_object_get(pod, "spec"), specs[kind]), i, one)
        {
            const json_t *status =
                k8s_status_named(list_of(pod, kind), ob_json_str(one, "name", ""));
            const json_t *terminated = state_of(status, "terminated");
            if (terminated && ob_json_int(terminated, "exitCode", 0) != 0)
                return terminated;
        }
    }
    return NULL;
}

/* ---- ends ---- */

static void end_unknown(k8s_status *ret, const char *text, const char *otherwise)
{
    ret->end.exit_code = -1;
    say(ret, "CannotInspectContainerError", text, otherwise);
}

/* A container ended with another code than 0, or the kubelet has made that up. */
static void end_failed(k8s_status *ret, const json_t *terminated)
{
    const char *reason = ob_json_str(terminated, "reason", "Error");
    const char *message = ob_json_str(terminated, "message", "");
    int64_t code = ob_json_int(terminated, "exitCode", -1);
    ret->end.exit_code = code >= 0 && code <= EXIT_CODE_MAX ? (int)code : -1;
    if (is_unknown(terminated)) {
        end_unknown(ret, message, "Kubernetes does not know how the container ended");
    } else if (strcmp(reason, "OOMKilled") == 0) {
        ret->end.oom = true;
        say(ret, "", "OutOfMemoryError: Container killed due to memory usage", "");
    } else if (is_unstarted(terminated)) {
        say(ret, "CannotStartContainerError", message, reason);
    } else {
        say(ret, "", reason, "Error");
    }
}

/* Evicted for what it used itself, and not because the node lacked it. */
static bool is_own_fault(const char *reason, const char *message)
{
    return strcmp(reason, "Evicted") == 0 &&
           strncmp(message, "The node ", strlen("The node ")) != 0;
}

/* The kubelet refused it before anything of it began. */
static bool is_rejected(const json_t *pod)
{
    return *ob_json_str(status_of(pod), "reason", "") && !condition_of(pod, "DisruptionTarget") &&
           json_array_size(list_of(pod, INIT)) == 0 && json_array_size(list_of(pod, MAIN)) == 0;
}

/* For want of space there: another run may begin elsewhere, or later. */
static bool is_for_space(const char *reason)
{
    static const char *const words[] = { "NodeAffinity",
                                         "NodeShutdown",
                                         "Preempting",
                                         "Terminated",
                                         "NodeLost",
                                         "UnexpectedAdmissionError",
                                         NULL };
    return strncmp(reason, "OutOf", strlen("OutOf")) == 0 || is_one_of(reason, words);
}

static bool is_of_the_host(const json_t *pod, const char *reason)
{
    static const char *const words[] = { "Evicted",    "Preempting", "NodeShutdown",
                                         "Terminated", "NodeLost",   NULL };
    return is_one_of(reason, words) || condition_is(condition_of(pod, "DisruptionTarget"), "True");
}

/* A controller that found no node any more: the kubelet did not say how it stands, so a container
 * may have begun there, and may run on. */
static bool is_unseen(const json_t *pod)
{
    const json_t *target = condition_of(pod, "DisruptionTarget");
    return strcmp(ob_json_str(target, "reason", ""), "DeletionByPodGC") == 0;
}

static void read_failure(const json_t *pod, const k8s_known *known, k8s_status *ret)
{
    const char *reason = ob_json_str(status_of(pod), "reason", "");
    const char *message = ob_json_str(status_of(pod), "message", "");
    const json_t *failed = first_failed(pod);
    ret->end.started = known->ran || any_has_begun(pod) || (ret->scheduled && is_unseen(pod));
    ret->end.exit_code = -1;
    if (!ret->end.started && (known->stopped || is_cut_off(failed)))
        return;
    if (!ret->end.started && is_rejected(pod)) {
        if (!is_for_space(reason))
            say(ret, "CannotStartContainerError", message, reason);
    } else if (is_own_fault(reason, message)) {
        say(ret, "Evicted", message, "the pod used too much");
    } else if (is_of_the_host(pod, reason) || (ret->deleted && !known->stopped)) {
        ret->end.host_ended = ret->end.started;
        if (ret->end.started)
            say(ret, *reason ? reason : "Deleted", message, "the pod was deleted");
    } else if (failed) {
        end_failed(ret, failed);
    } else {
        end_unknown(ret, message, "the pod failed without an exit code");
    }
}

static void read_end(const json_t *pod, const k8s_known *known, k8s_status *ret)
{
    const char *phase = ob_json_str(status_of(pod), "phase", "");
    ret->stage = K8S_ENDED;
    ret->end = (runtime_end){ .exit_code = -1 };
    if (strcmp(phase, "Succeeded") == 0) {
        ret->end.started = true;
        ret->end.exit_code = 0;
        say(ret, "", "Completed", "");
    } else if (strcmp(phase, "Failed") == 0) {
        read_failure(pod, known, ret);
    }
    if (ret->end.started) {
        ret->end.started_at_ms = ret->started_at_ms;
        ret->end.stopped_at_ms = last_end_ms(pod);
        if (ret->end.stopped_at_ms && ret->end.stopped_at_ms < ret->end.started_at_ms)
            ret->end.stopped_at_ms = ret->end.started_at_ms; /* whole seconds, out of order */
    }
    ret->end.reason = *ret->why ? ret->why : NULL;
}

/* ---- waits ---- */

static void wait_for(k8s_status *ret, k8s_wait wait, const char *kind, const char *text)
{
    ret->wait = wait;
    say(ret, kind, text, "Kubernetes does not say why");
}

static void read_unscheduled(const json_t *pod, k8s_status *ret)
{
    const json_t *condition = condition_of(pod, "PodScheduled");
    const char *message = ob_json_str(condition, "message", "");
    if (!condition_is(condition, "False"))
        return;
    if (strstr(message, "persistentvolumeclaim \"") && strstr(message, "not found"))
        wait_for(ret, K8S_WAIT_NEVER, "CannotCreateContainerError", message);
    else if (strstr(message, "PersistentVolumeClaim"))
        wait_for(ret, K8S_WAIT_PARTS, "CannotCreateContainerError", message);
    else
        wait_for(ret, K8S_WAIT_SPACE, "", message);
}

static void read_waiting(const json_t *pod, const json_t *waiting, k8s_status *ret)
{
    static const char *const never[] = { "InvalidImageName", "ErrImageNeverPull", NULL };
    static const char *const pull[] = {
        "ErrImagePull",        "ImagePullBackOff",          "ImageInspectError",
        "RegistryUnavailable", "SignatureValidationFailed", NULL
    };
    static const char *const create[] = { "CreateContainerConfigError",
                                          "CreateContainerError",
                                          "RunContainerError",
                                          "PreCreateHookError",
                                          "PreStartHookError",
                                          "PostStartHookError",
                                          NULL };
    const char *reason = ob_json_str(waiting, "reason", "");
    const char *message = ob_json_str(waiting, "message", reason);
    if (is_one_of(reason, never))
        wait_for(ret, K8S_WAIT_NEVER, "CannotPullContainerError", message);
    else if (is_one_of(reason, pull))
        wait_for(ret, K8S_WAIT_PULL, "CannotPullContainerError", message);
    else if (is_one_of(reason, create))
        wait_for(ret, K8S_WAIT_CREATE, "CannotCreateContainerError", message);
    else if (condition_is(condition_of(pod, "PodReadyToStartContainers"), "False") &&
             strcmp(reason, "ContainerCreating") == 0)
        wait_for(ret, K8S_WAIT_PARTS, "CannotCreateContainerError",
                 "the pod's volumes or its network are not ready");
}

/* The most hopeless of them counts. */
static void read_waits(const json_t *pod, k8s_status *ret)
{
    for (int kind = INIT; kind <= MAIN; kind++) {
        size_t i;
        const json_t *one;
        json_array_foreach(list_of(pod, kind), i, one)
        {
            k8s_status other = { 0 };
            read_waiting(pod, state_of(one, "waiting"), &other);
            if (other.wait <= ret->wait)
                continue;
            ret->wait = other.wait;
            memcpy(ret->why, other.why, sizeof(ret->why));
        }
    }
}

void k8s_status_read(const json_t *pod, const k8s_known *known, k8s_status *ret)
{
    static const char *const last[] = { "Succeeded", "Failed", NULL };
    memset(ret, 0, sizeof(*ret));
    ret->scheduled = *ob_json_str(json_object_get(pod, "spec"), "nodeName", "");
    ret->deleted = json_object_get(json_object_get(pod, "metadata"), "deletionTimestamp") != NULL;
    ret->stage = main_has_begun(pod, &ret->started_at_ms) ? K8S_RUNNING : K8S_PENDING;
    /* A pod that is to go gets no node any more. */
    if (is_one_of(ob_json_str(status_of(pod), "phase", ""), last) ||
        (ret->deleted && !ret->scheduled))
        read_end(pod, known, ret);
    else if (!ret->scheduled)
        read_unscheduled(pod, ret);
    else
        read_waits(pod, ret);
}
