/* See k8s_report.h. Owns nothing. Any thread. */
#include "k8s_report.h"

#include "k8s_status.h"
#include "ob/json.h"
#include "ob/mem.h"
#include "ob/message.h"
#include "ob/pod.h"

static void copy_text(json_t *to, const char *name, const json_t *from, const char *member)
{
    const char *text = ob_json_str(from, member, "");
    if (*text)
        (void)json_object_set_new(to, name, ob_json_text(text));
}

static json_t *report_container(const json_t *status)
{
    const json_t *state = json_object_get(status, "state");
    const json_t *terminated = json_object_get(state, "terminated");
    json_t *to = json_object();
    copy_text(to, "name", status, "name");
    copy_text(to, "containerID", status, "containerID");
    if (terminated)
        (void)json_object_set_new(to, "exitCode",
                                  json_integer(ob_json_int(terminated, "exitCode", -1)));
    copy_text(to, "reason", terminated, "reason");
    return to;
}

/* In the order of the job. One that was not made has no id. */
static json_t *report_containers(const json_t *specs, const json_t *statuses)
{
    json_t *list = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(specs, i, one)
    {
        const json_t *status = k8s_status_named(statuses, ob_json_str(one, "name", ""));
        if (*ob_json_str(status, "containerID", ""))
            (void)json_array_append_new(list, report_container(status));
    }
    return list;
}

json_t *k8s_report_make(const json_t *pod)
{
    static const char *const lists[][2] = { { "containers", "containerStatuses" },
                                            { "initContainers", "initContainerStatuses" } };
    const json_t *metadata = json_object_get(pod, "metadata");
    const json_t *spec = json_object_get(pod, "spec"), *status = json_object_get(pod, "status");
    json_auto_t *all = json_object();
    copy_text(all, "name", metadata, "name");
    copy_text(all, "namespace", metadata, "namespace");
    copy_text(all, "node", spec, "nodeName");
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        json_auto_t *list = report_containers(json_object_get(spec, lists[i][0]),
                                              json_object_get(status, lists[i][1]));
        if (json_array_size(list) > 0)
            (void)json_object_set(all, lists[i][0], list);
    }
    return ob_pod_bounded(all);
}
