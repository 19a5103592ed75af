/* See ob/pod.h. Owns the spellings of what AWS shows of pods (AWS Batch API reference,
 * "EksPodPropertiesDetail", "EksAttemptDetail"). */
#include "ob/pod.h"

#include <string.h>
#include <strings.h>

#include "ob/json.h"
#include "ob/mem.h"
#include "ob/message.h"
#include "ob/text.h"

#define EXIT_CODE_MAX 255

static const char *const lists[] = { "containers", "initContainers" };

static void copy_text(json_t *to, const json_t *from, const char *name)
{
    const char *text = ob_json_str(from, name, NULL);
    if (!text || !*text)
        return;
    ob_cleanup(ob_freep) char *cut = ob_text_dup(text, OB_POD_TEXT_MAX);
    (void)json_object_set_new(to, name, ob_json_text(cut));
}

static json_t *bounded_container(const json_t *from)
{
    int64_t exit_code = ob_json_int(from, "exitCode", -1);
    json_t *to = json_object();
    copy_text(to, from, "name");
    copy_text(to, from, "containerID");
    if (exit_code >= 0 && exit_code <= EXIT_CODE_MAX)
        (void)json_object_set_new(to, "exitCode", json_integer(exit_code));
    copy_text(to, from, "reason");
    return to;
}

json_t *ob_pod_bounded(const json_t *pod)
{
    if (!json_is_object(pod))
        return NULL;
    json_t *out = json_object();
    copy_text(out, pod, "name");
    copy_text(out, pod, "namespace");
    copy_text(out, pod, "node");
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        const json_t *from = json_object_get(pod, lists[k]);
        if (!json_is_array(from))
            continue;
        json_t *to = json_array();
        for (size_t i = 0; i < json_array_size(from) && i < OB_POD_CONTAINERS_MAX; i++)
            (void)json_array_append_new(to, bounded_container(json_array_get(from, i)));
        (void)json_object_set_new(out, lists[k], to);
    }
    return out;
}

const char *ob_pod_container_name(const json_t *container)
{
    const char *name = ob_json_str(container, "name", "");
    return *name && strcasecmp(name, OB_POD_DEFAULT_NAME) != 0 ? name : OB_POD_DEFAULT_NAME;
}

static const json_t *container_named(const json_t *containers, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(containers, i, one)
    {
        if (strcasecmp(ob_pod_container_name(one), name) == 0)
            return one;
    }
    return NULL;
}

static void move_member(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);
    if (value)
        (void)json_object_set(to, name, value);
}

void ob_pod_show(json_t *pod_properties, const json_t *pod)
{
    move_member(pod_properties, "podName", pod, "name");
    move_member(pod_properties, "nodeName", pod, "node");
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        const json_t *known = json_object_get(pod, lists[k]);
        size_t i;
        json_t *shown;
        json_array_foreach(json_object_get(pod_properties, lists[k]), i, shown)
        {
            const json_t *one = container_named(known, ob_pod_container_name(shown));
            move_member(shown, "exitCode", one, "exitCode");
            move_member(shown, "reason", one, "reason");
        }
    }
}

static bool any_failed(const json_t *pod)
{
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(pod, lists[k]), i, one)
        {
            if (ob_json_int(one, "exitCode", 0) != 0)
                return true;
        }
    }
    return false;
}

/* The name of the first container of a job that has no reason; NULL: all have one. */
static const char *silent_container(const json_t *pod_properties, const json_t *known)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(pod_properties, lists[0]), i, one)
    {
        const char *name = ob_pod_container_name(one);
        if (!json_object_get(container_named(known, name), "reason"))
            return name;
    }
    return NULL;
}

static json_t *container_for(json_t *pod, const char *name)
{
    json_t *list = json_object_get(pod, lists[0]);
    json_t *one = (json_t *)container_named(list, name);
    if (one)
        return one;
    if (!list) {
        list = json_array();
        (void)json_object_set_new(pod, lists[0], list);
    }
    one = json_pack("{s:o}", "name", ob_json_text(name));
    (void)json_array_append_new(list, one);
    return one;
}

json_t *ob_pod_explained(const json_t *pod, const json_t *pod_properties, const char *reason)
{
    json_t *out = pod ? json_deep_copy(pod) : NULL;
    const char *name = silent_container(pod_properties, json_object_get(pod, lists[0]));
    if (!reason || !*reason || !name || any_failed(pod))
        return out;
    if (!out)
        out = json_object();
    json_auto_t *from = json_pack("{s:o}", "reason", ob_json_text(reason));
    copy_text(container_for(out, name), from, "reason");
    return out;
}

json_t *ob_pod_attempt(const json_t *pod)
{
    json_t *out = json_object();
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        json_t *list = json_object_get(pod, lists[k]);
        (void)json_object_set_new(out, lists[k], list ? json_deep_copy(list) : json_array());
    }
    move_member(out, "podName", pod, "name");
    move_member(out, "podNamespace", pod, "namespace");
    move_member(out, "nodeName", pod, "node");
    return out;
}

static bool is_privileged(const json_t *container)
{
    const json_t *context = json_object_get(container, "securityContext");
    const json_t *added = json_object_get(json_object_get(context, "capabilities"), "add");
    return json_is_true(json_object_get(context, "privileged")) || json_array_size(added) > 0;
}

json_t *ob_pod_host_container(const json_t *pod_properties)
{
    json_t *volumes = json_array(), *mounts = json_array();
    bool privileged = false;
    size_t i;
    json_t *one;
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        json_array_foreach(json_object_get(pod_properties, lists[k]), i, one)
        {
            privileged = privileged || is_privileged(one);
        }
    }
    json_array_foreach(json_object_get(pod_properties, "volumes"), i, one)
    {
        const char *path = ob_json_str(json_object_get(one, "hostPath"), "path", NULL);
        const char *name = ob_json_str(one, "name", "");
        if (!path)
            continue;
        (void)json_array_append_new(volumes, json_pack("{s:o, s:{s:o}}", "name", ob_json_text(name),
                                                       "host", "sourcePath", ob_json_text(path)));
        (void)json_array_append_new(mounts, json_pack("{s:o}", "sourceVolume", ob_json_text(name)));
    }
    return json_pack("{s:b, s:o, s:o}", "privileged", privileged, "volumes", volumes, "mountPoints",
                     mounts);
}
