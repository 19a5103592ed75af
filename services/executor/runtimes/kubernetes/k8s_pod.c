/* The pod of a run: what the job says (AWS Batch API reference, "EksPodProperties"), and around it
 * what makes it ours. It may run on the instance's node only. Whether it fits there is decided by
 * Kubernetes' own scheduler: a pod that names its node in nodeName fails for good when others have
 * taken the space. Nothing in commands and values is escaped: $(NAME) and $$ are Kubernetes', as
 * with AWS. Owns nothing. Any thread. */
#include "k8s_pod.h"

#include <string.h>

#include "k8s_name.h"
#include "k8s_words.h"
#include "ob/json.h"
#include "ob/kube_pod.h"
#include "ob/message.h"
#include "ob/pod.h"
#include "runtimes/properties.h"

#define GRACE_S 30 /* between SIGTERM and SIGKILL, if nobody says another */

static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);
        if (value && !json_is_null(value))
            (void)json_object_set_new(to, *names, json_deep_copy(value));
    }
}

/* ---- containers ---- */

static bool has_env(const json_t *env, const char *name, size_t len)
{
    size_t i;
    const json_t *pair;
    json_array_foreach(env, i, pair)
    {
        const char *has = ob_json_str(pair, "name", "");
        if (strlen(has) == len && memcmp(has, name, len) == 0)
            return true;
    }
    return false;
}

/* Ours come first, because values may only name variables before them. A job's own entry counts
 * more: the api lets it have none that begins with AWS_BATCH. */
static json_t *container_env(const json_t *ours, const json_t *own)
{
    json_t *env = json_array();
    size_t i;
    const json_t *item;
    json_array_foreach(ours, i, item)
    {
        const char *text = json_string_value(item), *value = text ? strchr(text, '=') : NULL;
        if (value && !has_env(own, text, (size_t)(value - text)))
            (void)json_array_append_new(env, json_pack("{s:o, s:o}", "name",
                                                       ob_json_textn(text, (size_t)(value - text)),
                                                       "value", ob_json_text(value + 1)));
    }
    json_array_foreach(own, i, item)
    {
        json_t *pair = json_object();
        copy_members(pair, item, (const char *const[]){ "name", "value", NULL });
        (void)json_array_append_new(env, pair);
    }
    return env;
}

static json_t *make_container(const json_t *from, const json_t *env)
{
    static const char *const members[] = { "image",           "imagePullPolicy",
                                           "command",         "args",
                                           "resources",       "volumeMounts",
                                           "securityContext", NULL };
    const char *name = ob_pod_container_name(from);
    json_t *to = json_object();
    (void)json_object_set_new(
        to, "name", ob_json_text(strcmp(name, OB_POD_DEFAULT_NAME) == 0 ? K8S_CONTAINER : name));
    copy_members(to, from, members);
    (void)json_object_set_new(to, "env", container_env(env, json_object_get(from, "env")));
    return to;
}

static json_t *make_containers(const k8s_place *place,
                               const ob_run_ref *ref,
                               int attempt,
                               const json_t *spec,
                               const json_t *from)
{
    json_t *to = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(from, i, one)
    {
        json_auto_t *env = property_pod_env(ref, attempt, spec, place->ce, place->node_uid,
                                            json_object_get(one, "env"));
        (void)json_array_append_new(to, make_container(one, env));
    }
    return to;
}

/* ---- the pod ---- */

static void set_text(json_t *to, const char *name, const char *value)
{
    (void)json_object_set_new(to, name, ob_json_text(value));
}

/* A child's index follows a point: labels have no colons. */
static void set_job_label(json_t *labels, const ob_run_ref *ref)
{
    char text[OB_RUN_TEXT];
    ob_job_ref_format(&(ob_job_ref){ .id = ref->id, .index = ref->index }, text);
    char *colon = strchr(text, ':');
    if (colon)
        *colon = '.';
    set_text(labels, K8S_LABEL_JOB, text);
}

static json_t *copy_map(const json_t *metadata, const char *name)
{
    const json_t *map = json_object_get(metadata, name);
    return json_is_object(map) ? json_deep_copy(map) : json_object();
}

static json_t *make_metadata(const k8s_place *place, const ob_run_ref *ref, const json_t *spec)
{
    const json_t *own = json_object_get(json_object_get(spec, "eks"), "metadata");
    json_t *labels = copy_map(own, "labels"), *annotations = copy_map(own, "annotations");
    char run[OB_RUN_TEXT], name[K8S_NAME_TEXT];
    ob_run_ref_format(ref, run);
    k8s_pod_name(run, name);
    set_text(labels, OB_KUBE_LABEL_CE, place->ce_uuid);
    set_text(labels, K8S_LABEL_NODE, place->node_uid);
    set_text(labels, K8S_LABEL_INSTANCE, place->instance);
    set_job_label(labels, ref);
    set_text(annotations, K8S_ANNOTATION_RUN, run);
    return json_pack("{s:o, s:o, s:o, s:o, s:[o]}", "name", ob_json_text(name), "namespace",
                     ob_json_text(k8s_pod_namespace(place, spec)), "labels", labels, "annotations",
                     annotations, "finalizers", ob_json_text(OB_KUBE_FINALIZER));
}

static json_t *make_affinity(const char *node)
{
    json_t *field = json_pack("{s:o, s:o, s:[o]}", "key", ob_json_text("metadata.name"), "operator",
                              ob_json_text("In"), "values", ob_json_text(node));
    return json_pack("{s:{s:{s:[{s:[o]}]}}}", "nodeAffinity",
                     "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms",
                     "matchFields", field);
}

const char *k8s_pod_namespace(const k8s_place *place, const json_t *spec)
{
    const json_t *metadata = json_object_get(json_object_get(spec, "eks"), "metadata");
    const char *own = ob_json_str(metadata, "namespace", "");
    return *own ? own : place->name_space;
}

/* No limit of time is given to Kubernetes: the executor counts it. */
static json_t *make_spec(const k8s_place *place, const json_t *pod)
{
    static const char *const members[] = {
        "serviceAccountName", "dnsPolicy", "imagePullSecrets", "volumes", "shareProcessNamespace",
        "securityContext",    NULL
    };
    bool host_network = ob_json_bool(pod, "hostNetwork", true);
    json_t *to = json_pack("{s:o, s:i, s:b, s:o, s:[{s:o, s:o}], s:b}", "restartPolicy",
                           ob_json_text("Never"), "terminationGracePeriodSeconds", GRACE_S,
                           "enableServiceLinks", 0, "affinity", make_affinity(place->node),
                           "tolerations", "key", ob_json_text(OB_KUBE_TAINT), "operator",
                           ob_json_text("Exists"), "hostNetwork", host_network);
    copy_members(to, pod, members);
    if (host_network && !json_object_get(to, "dnsPolicy"))
        set_text(to, "dnsPolicy", "ClusterFirstWithHostNet");
    if (!json_object_get(to, "serviceAccountName"))
        (void)json_object_set_new(to, "automountServiceAccountToken", json_false());
    return to;
}

int k8s_pod_make(const k8s_place *place,
                 const ob_run_ref *ref,
                 int attempt,
                 const json_t *spec,
                 json_t **ret,
                 ob_error *err)
{
    static const char *const kinds[] = { "containers", "initContainers" };
    const json_t *pod = json_object_get(spec, "eks");
    if (json_array_size(json_object_get(pod, "containers")) == 0)
        return ob_fail(err, EINVAL, "the job describes no pod");
    json_t *made = make_spec(place, pod);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const json_t *from = json_object_get(pod, kinds[i]);
        if (json_array_size(from) > 0)
            (void)json_object_set_new(made, kinds[i],
                                      make_containers(place, ref, attempt, spec, from));
    }
    *ret =
        json_pack("{s:o, s:o, s:o, s:o}", "apiVersion", ob_json_text("v1"), "kind",
                  ob_json_text("Pod"), "metadata", make_metadata(place, ref, spec), "spec", made);
    return 0;
}
