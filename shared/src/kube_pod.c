/* Finalizers of pods, and the bodies of requests about them, see ob/kube_pod.h. Owns nothing. */
#include "ob/kube_pod.h"

#include <string.h>

#include "ob/json.h"
#include "ob/kube.h"

static const json_t *finalizers_of(const json_t *pod)
{
    return json_object_get(json_object_get(pod, "metadata"), "finalizers");
}

static bool is_ours(const json_t *finalizer)
{
    return json_is_string(finalizer) &&
           strcmp(json_string_value(finalizer), OB_KUBE_FINALIZER) == 0;
}

bool ob_kube_is_held(const json_t *pod)
{
    size_t i;
    const json_t *one;
    json_array_foreach(finalizers_of(pod), i, one)
    {
        if (is_ours(one))
            return true;
    }
    return false;
}

json_t *ob_kube_delete_options(const char *uid, int grace_s)
{
    return json_pack("{s:o, s:o, s:i, s:{s:o}}", "apiVersion", ob_json_text("v1"), "kind",
                     ob_json_text("DeleteOptions"), "gracePeriodSeconds", grace_s, "preconditions",
                     "uid", ob_json_text(uid));
}

json_t *ob_kube_release_patch(const json_t *pod)
{
    json_t *others = json_array(), *one;
    size_t i;
    json_array_foreach(finalizers_of(pod), i, one)
    {
        if (!is_ours(one))
            (void)json_array_append(others, one);
    }
    return json_pack("{s:{s:o, s:o, s:o}}", "metadata", "uid",
                     ob_json_text(ob_kube_meta(pod, "uid")), "resourceVersion",
                     ob_json_text(ob_kube_meta(pod, "resourceVersion")), "finalizers", others);
}
