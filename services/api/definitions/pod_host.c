/* See pod_host.h. Owns nothing. */
#include "pod_host.h"

#include "ob/json.h"
#include "ob/mem.h"
#include "ob/message.h"

static bool is_privileged(const json_t *container)
{
    const json_t *context = json_object_get(container, "securityContext");
    const json_t *added = json_object_get(json_object_get(context, "capabilities"), "add");
    return json_is_true(json_object_get(context, "privileged")) || json_array_size(added) > 0;
}

json_t *pod_host_container(const json_t *pod)
{
    static const char *const kinds[] = { "containers", "initContainers" };
    json_t *volumes = json_array(), *mounts = json_array();
    bool privileged = false;
    size_t i;
    json_t *one;
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        json_array_foreach(json_object_get(pod, kinds[k]), i, one)
        {
            privileged = privileged || is_privileged(one);
        }
    }
    json_array_foreach(json_object_get(pod, "volumes"), i, one)
    {
        const char *path = ob_json_str(json_object_get(one, "hostPath"), "path", NULL);
        const char *name = ob_json_str(one, "name", "");
        if (!path)
            continue;
        (void)json_array_append_new(
            volumes, json_pack("{s:s, s:{s:s}}", "name", name, "host", "sourcePath", path));
        (void)json_array_append_new(mounts, json_pack("{s:s}", "sourceVolume", name));
    }
    return json_pack("{s:b, s:o, s:o}", "privileged", privileged, "volumes", volumes, "mountPoints",
                     mounts);
}
