/* Owns the pod of an EKS job: the definition's, with the submission's overrides and parameters
 * applied (AWS Batch API reference, "EksPropertiesOverride"). Never touches the database. Pure: any
 * thread. */
#include "pod_resolve.h"

#include <string.h>

#include "definitions/pod_check.h"
#include "ob/mem.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "references.h"

static const char *const kinds[] = { "containers", "initContainers" };

/* ---- overrides ------------------------------------------------------------------------------- */

/* Without a name it is for the only container. */
static json_t *overridden(json_t *containers, const json_t *override)
{
    const char *name = ob_json_str(override, "name", "");
    size_t i;
    json_t *one;
    if (!*name)
        return json_array_size(containers) == 1 ? json_array_get(containers, 0) : NULL;
    json_array_foreach(containers, i, one)
    {
        if (strcmp(ob_pod_container_name(one), ob_pod_container_name(override)) == 0)
            return one;
    }
    return NULL;
}

/* Adds pairs, or replaces those of the same name; of several the last one counts. */
static void merge_env(json_t *container, const json_t *given)
{
    if (!json_object_get(container, "env"))
        (void)json_object_set_new(container, "env", json_array());
    json_t *env = json_object_get(container, "env");
    size_t i, k;
    json_t *pair, *old;
    json_array_foreach(given, i, pair)
    {
        const char *name = ob_json_str(pair, "name", "");
        json_array_foreach(env, k, old)
        {
            if (strcmp(ob_json_str(old, "name", ""), name) == 0)
                break;
        }
        if (k < json_array_size(env))
            (void)json_array_set_new(env, k, json_deep_copy(pair));
        else
            (void)json_array_append_new(env, json_deep_copy(pair));
    }
}

/* A resource that is given replaces the definition's limit and request of it. */
static void merge_resources(json_t *container, const json_t *given)
{
    static const char *const parts[] = { "limits", "requests" };
    if (!json_object_get(container, "resources"))
        (void)json_object_set_new(container, "resources", json_object());
    json_t *resources = json_object_get(container, "resources");
    const char *name;
    json_t *value;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        json_object_foreach(json_object_get(given, parts[i]), name, value)
        {
            for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
                (void)json_object_del(json_object_get(resources, parts[k]), name);
        }
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const json_t *part = json_object_get(given, parts[i]);
        if (json_object_size(part) == 0)
            continue;
        if (!json_object_get(resources, parts[i]))
            (void)json_object_set_new(resources, parts[i], json_object());
        (void)json_object_update(json_object_get(resources, parts[i]), (json_t *)part);
    }
}

static void merge_container(json_t *container, const json_t *override)
{
    static const char *const lists[] = { "command", "args" };
    const char *image = ob_json_str(override, "image", "");
    if (*image)
        (void)json_object_set_new(container, "image", json_string(image));
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const json_t *list = json_object_get(override, lists[i]);
        if (json_array_size(list) > 0)
            (void)json_object_set_new(container, lists[i], json_deep_copy(list));
    }
    merge_env(container, json_object_get(override, "env"));
    merge_resources(container, json_object_get(override, "resources"));
}

static int merge_containers(json_t *pod, const json_t *overrides, const char *kind, api_reply *rep)
{
    json_t *containers = json_object_get(pod, kind);
    json_auto_t *seen = json_array();
    size_t i, k;
    json_t *one, *other;
    json_array_foreach(json_object_get(overrides, kind), i, one)
    {
        json_t *container = overridden(containers, one);
        const char *name = ob_json_str(one, "name", "");
        if (!container && !*name)
            return api_client_error(
                rep,
                "eksPropertiesOverride.podProperties.%s[%zu].name is required: the job definition "
                "has %zu of them.",
                kind, i, json_array_size(containers));
        if (!container)
            return api_client_error(rep, "eksPropertiesOverride: no entry of %s is named %.63s.",
                                    kind, name);
        json_array_foreach(seen, k, other)
        {
            if (other == container)
                return api_client_error(
                    rep, "eksPropertiesOverride has an entry of %s more than once.", kind);
        }
        (void)json_array_append(seen, container);
        merge_container(container, one);
    }
    return 0;
}

static void merge_metadata(json_t *pod, const json_t *given)
{
    static const char *const maps[] = { "labels", "annotations" };
    const char *name_space = ob_json_str(given, "namespace", "");
    if (json_object_size(given) == 0)
        return;
    if (!json_object_get(pod, "metadata"))
        (void)json_object_set_new(pod, "metadata", json_object());
    json_t *metadata = json_object_get(pod, "metadata");
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        const json_t *map = json_object_get(given, maps[i]);
        if (json_object_size(map) == 0)
            continue;
        if (!json_object_get(metadata, maps[i]))
            (void)json_object_set_new(metadata, maps[i], json_object());
        (void)json_object_update(json_object_get(metadata, maps[i]), (json_t *)map);
    }
    if (*name_space)
        (void)json_object_set_new(metadata, "namespace", json_string(name_space));
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Calls fn for the command and the arguments of each container. */
static int each_list(json_t *pod,
                     const references *p,
                     int (*fn)(const references *p, json_t *list, void *arg, api_reply *rep),
                     void *arg,
                     api_reply *rep)
{
    static const char *const lists[] = { "command", "args" };
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(pod, kinds[k]), i, one)
        {
            for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
                int r = fn(p, json_object_get(one, lists[l]), arg, rep);
                if (r < 0)
                    return r;
            }
        }
    }
    return 0;
}

static int measure(const references *p, json_t *list, void *arg, api_reply *rep)
{
    return references_measure(p, list, arg, rep);
}

static int replace(const references *p, json_t *list, void *arg, api_reply *rep)
{
    (void)arg;
    return references_replace(p, list, rep);
}

static int take_parameters(json_t *pod, const json_t *values, size_t max, api_reply *rep)
{
    references_extent e = { 0 };
    ob_cleanup(references_done) references p = { 0 };
    references_init(&p, values);
    int r = each_list(pod, &p, measure, &e, rep);
    if (r == 0 && e.values > max)
        r = api_client_error(
            rep, "Job size must be less than %zu KiB with its parameters in place, got %zu KiB",
            max / 1024, (e.values + 1023) / 1024);
    return r < 0 ? r : each_list(pod, &p, replace, NULL, rep);
}

/* ---- the pod --------------------------------------------------------------------------------- */

int pod_resolve(const json_t *definition,
                const json_t *overrides,
                const json_t *parameters,
                size_t max,
                json_t **ret,
                api_reply *rep)
{
    json_auto_t *pod = json_deep_copy(definition);
    int r = 0;
    for (size_t k = 0; k < ARRAY_SIZE(kinds) && r == 0; k++)
        r = merge_containers(pod, overrides, kinds[k], rep);
    merge_metadata(pod, json_object_get(overrides, "metadata"));
    if (r == 0)
        r = take_parameters(pod, parameters, max, rep);
    if (r == 0)
        *ret = json_incref(pod);
    return r;
}

int pod_need(const json_t *pod, ob_resources *ret, api_reply *rep)
{
    static const char *const resources[] = { "cpu", "memory", "nvidia.com/gpu" };
    int64_t need[3] = { 0 };
    for (size_t k = 0; k < ARRAY_SIZE(resources); k++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(pod, "containers"), i, one)
        {
            need[k] += pod_request(one, resources[k]);
        }
        json_array_foreach(json_object_get(pod, "initContainers"), i, one)
        {
            int64_t n = pod_request(one, resources[k]);
            need[k] = n > need[k] ? n : need[k];
        }
        if (need[k] > INT32_MAX)
            return api_client_error(rep, "The containers of the pod request too much %s.",
                                    resources[k]);
    }
    *ret = (ob_resources){ .mcpu = (int32_t)need[0],
                           .mem_mib = (int32_t)need[1],
                           .gpus = (int32_t)need[2] };
    return 0;
}
