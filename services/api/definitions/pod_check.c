/* Rules for the pods of EKS jobs (AWS Batch API reference, "EksPodProperties"; AWS Batch user
 * guide, "Memory and vCPU considerations for AWS Batch on Amazon EKS"). Where AWS leaves something
 * to Kubernetes, a pod that Kubernetes would refuse is refused here. Changes nothing. Pure: any
 * thread. */
#include "pod_check.h"

#include <ctype.h>
#include <string.h>

#include "ob/mem.h"
#include "ob/message.h"
#include "ob/pod.h"

#define LABEL_MAX 63
#define SUBDOMAIN_MAX 253
#define ANNOTATION_MAX 255
#define CPU_STEP 250 /* thousandths: a quarter of a vCPU */
#define MEMORY_MIN 4 /* MiB */
#define DIGITS_MAX 9

static int refuse_name(const json_t *name, const api_field_where *where)
{
    return field_refuse(where, "%s %.255s is not valid.", where->path, json_string_value(name));
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_label_part(const char *text, size_t n)
{
    if (n < 1 || n > LABEL_MAX || !is_lower(text[0]) || !is_lower(text[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_lower(text[i]) && text[i] != '-')
            return false;
    return true;
}

bool is_dns_label(const char *text)
{
    return is_label_part(text, strlen(text));
}

/* Labels with dots between them. */
static bool is_subdomain_part(const char *text, size_t n)
{
    if (n > SUBDOMAIN_MAX)
        return false;
    for (size_t at = 0; at <= n;) {
        const char *dot = memchr(text + at, '.', n - at);
        size_t len = dot ? (size_t)(dot - text) - at : n - at;
        if (!is_label_part(text + at, len))
            return false;
        at += len + 1;
    }
    return true;
}

int check_dns_label(json_t *name, const api_field_where *where)
{
    return is_dns_label(json_string_value(name)) ? 0 : refuse_name(name, where);
}

int check_dns_subdomain(json_t *name, const api_field_where *where)
{
    const char *text = json_string_value(name);
    return is_subdomain_part(text, strlen(text)) ? 0 : refuse_name(name, where);
}

int check_pod_container_name(json_t *name, const api_field_where *where)
{
    if (strcmp(json_string_value(name), OB_POD_DEFAULT_NAME) == 0)
        return 0;
    return check_dns_label(name, where);
}

int check_pod_namespace(json_t *name, const api_field_where *where)
{
    const char *text = json_string_value(name);
    if (!is_dns_label(text) || strcmp(text, "default") == 0 || strncmp(text, "kube", 4) == 0)
        return refuse_name(name, where);
    return 0;
}

/* ---- labels and annotations ------------------------------------------------------------------ */

/* Letters, digits and -_. between letters or digits. */
static bool is_qualified_part(const char *text, size_t n)
{
    if (n < 1 || n > LABEL_MAX || !isalnum((unsigned char)text[0]) ||
        !isalnum((unsigned char)text[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    return true;
}

/* A name, perhaps with a prefix: "a", "example.com/a". Prefixes of ours are no user's. */
static bool is_key(const char *text)
{
    static const char *const ours[] = { "batch.amazonaws.com/", "openbatch.io/" };
    const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : text;
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        if (strncmp(text, ours[i], strlen(ours[i])) == 0)
            return false;
    if (slash && !is_subdomain_part(text, (size_t)(slash - text)))
        return false;
    return is_qualified_part(name, strlen(name));
}

int check_pod_labels(json_t *map, const api_field_where *where)
{
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        const char *text = json_string_value(value);
        if (!is_key(name))
            return field_refuse(where, "%s: the key %.255s is not valid.", where->path, name);
        if (*text && !is_qualified_part(text, strlen(text)))
            return field_refuse(where, "%s.%.255s: the value %.255s is not valid.", where->path,
                                name, text);
    }
    return 0;
}

int check_pod_annotations(json_t *map, const api_field_where *where)
{
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        if (!is_key(name))
            return field_refuse(where, "%s: the key %.255s is not valid.", where->path, name);
        if (json_string_length(value) > ANNOTATION_MAX)
            return field_refuse(where, "%s.%.255s must have length less than or equal to %d.",
                                where->path, name, ANNOTATION_MAX);
    }
    return 0;
}

/* ---- a container ----------------------------------------------------------------------------- */

int check_pod_env(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *pair;
    json_array_foreach(list, i, pair)
    {
        const char *name = ob_json_str(pair, "name", "");
        if (strncmp(name, "AWS_BATCH", 9) == 0)
            return field_refuse(
                where, "Environment variable names may not start with AWS_BATCH: %.200s", name);
        for (const char *at = name; *at; at++)
            if (!isalnum((unsigned char)*at) && (!strchr("-_.", *at)))
                return field_refuse(where, "%s[%zu].name %.200s is not valid.", where->path, i,
                                    name);
        if (isdigit((unsigned char)*name))
            return field_refuse(where, "%s[%zu].name %.200s is not valid.", where->path, i, name);
    }
    return 0;
}

/* "2", "0.25", "1.500": in thousandths. No exponent, no "100m". */
static bool read_cpu(const char *text, int64_t *ret)
{
    size_t n = strspn(text, "0123456789"), digits = 0;
    int64_t value = n >= 1 && n <= DIGITS_MAX - 3 ? atoll(text) * 1000 : -1;
    if (text[n] == '.') {
        digits = strspn(text + n + 1, "0123456789");
        for (size_t i = 0, step = 100; i < digits && i < 3; i++, step /= 10)
            value += (int64_t)step * (text[n + 1 + i] - '0');
        if (digits < 1 || digits > 3)
            return false;
        n += 1 + digits;
    }
    *ret = value;
    return value >= CPU_STEP && value % CPU_STEP == 0 && value <= INT32_MAX && text[n] == '\0';
}

bool pod_read_amount(const char *resource, const char *text, int64_t *ret)
{
    size_t n = strspn(text, "0123456789");
    if (strcmp(resource, "cpu") == 0)
        return read_cpu(text, ret);
    if (n < 1 || n > DIGITS_MAX)
        return false;
    *ret = atoll(text);
    if (strcmp(resource, "memory") == 0)
        return strcmp(text + n, "Mi") == 0 && *ret >= MEMORY_MIN;
    return strcmp(resource, "nvidia.com/gpu") == 0 && text[n] == '\0' && *ret > 0;
}

int64_t pod_request(const json_t *container, const char *resource)
{
    const json_t *all = json_object_get(container, "resources");
    const char *limit = ob_json_str(json_object_get(all, "limits"), resource, "");
    const char *text = ob_json_str(json_object_get(all, "requests"), resource, limit);
    int64_t amount = 0;
    return pod_read_amount(resource, text, &amount) ? amount : 0;
}

static bool is_resource(const char *name)
{
    return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 ||
           strcmp(name, "nvidia.com/gpu") == 0;
}

/* One of limits and requests by itself. */
static int check_amounts(const json_t *resources, const char *kind, const api_field_where *where)
{
    const char *name;
    json_t *value;
    int64_t amount;
    json_object_foreach(json_object_get(resources, kind), name, value)
    {
        if (!is_resource(name))
            return field_refuse(where, "%s.%s.%.100s is not a known resource.", where->path, kind,
                                name);
        if (!pod_read_amount(name, json_string_value(value), &amount))
            return field_refuse(where, "%s.%s.%s %.60s is not valid.", where->path, kind, name,
                                json_string_value(value));
    }
    return 0;
}

int check_pod_resources(json_t *resources, const api_field_where *where)
{
    const char *name;
    json_t *value;
    int r = check_amounts(resources, "limits", where);
    if (r == 0)
        r = check_amounts(resources, "requests", where);
    if (r < 0)
        return r;
    json_object_foreach(json_object_get(resources, "requests"), name, value)
    {
        const char *limit = ob_json_str(json_object_get(resources, "limits"), name, NULL);
        int64_t most = 0, wanted = 0;
        if (!limit)
            continue;
        (void)pod_read_amount(name, limit, &most);
        (void)pod_read_amount(name, json_string_value(value), &wanted);
        if (strcmp(name, "cpu") == 0 && most < wanted)
            return field_refuse(where, "%s: limits of cpu must be at least as large as requests.",
                                where->path);
        if (strcmp(name, "cpu") != 0 && most != wanted)
            return field_refuse(where, "%s: limits and requests of %s must be equal.", where->path,
                                name);
    }
    return 0;
}

static bool has_step_up(const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

int check_pod_mounts(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *mount;
    json_auto_t *paths = json_object();
    json_array_foreach(list, i, mount)
    {
        const char *path = ob_json_str(mount, "mountPath", ""),
                   *sub = ob_json_str(mount, "subPath", "");
        if (*path != '/' || strchr(path, ':'))
            return field_refuse(where, "%s[%zu].mountPath must be an absolute path without colons.",
                                where->path, i);
        if (json_object_get(paths, path))
            return field_refuse(where, "%s has the mountPath %.255s more than once.", where->path,
                                path);
        if (*sub == '/' || has_step_up(sub))
            return field_refuse(where, "%s[%zu].subPath must be a relative path without \"..\".",
                                where->path, i);
        (void)json_object_set_new(paths, path, json_true());
    }
    return 0;
}

int check_pod_capabilities(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *name;
    json_array_foreach(list, i, name)
    {
        const char *text = json_string_value(name);
        if (!*text || text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] ||
            strncmp(text, "CAP_", 4) == 0)
            return field_refuse(where, "%s[%zu] %.60s is not valid.", where->path, i, text);
    }
    return 0;
}

int check_pod_seccomp(json_t *profile, const api_field_where *where)
{
    bool local = strcmp(ob_json_str(profile, "type", ""), "Localhost") == 0;
    bool path = *ob_json_str(profile, "localhostProfile", "");
    if (local != path)
        return field_refuse(where, "%s.localhostProfile must be set for the type Localhost only.",
                            where->path);
    return 0;
}

int check_pod_container_security(json_t *context, const api_field_where *where)
{
    const json_t *escalation = json_object_get(context, "allowPrivilegeEscalation");
    if (json_is_true(json_object_get(context, "privileged")) && json_is_false(escalation))
        return field_refuse(
            where, "%s: a privileged container cannot have allowPrivilegeEscalation false.",
            where->path);
    return 0;
}

/* ---- volumes --------------------------------------------------------------------------------- */

int check_pod_host_path(json_t *path, const api_field_where *where)
{
    const char *text = json_string_value(path);
    return *text == '/' && !has_step_up(text) ? 0 : refuse_name(path, where);
}

int check_pod_quantity(json_t *quantity, const api_field_where *where)
{
    static const char *const units[] = { "",   "k",  "M",  "G",  "T",  "P", "E",
                                         "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    const char *text = json_string_value(quantity);
    size_t n = strspn(text, "0123456789");
    if (text[n] == '.' && n > 0)
        n += 1 + strspn(text + n + 1, "0123456789");
    for (size_t i = 0; n > 0 && n <= 2 * DIGITS_MAX && i < ARRAY_SIZE(units); i++)
        if (strcmp(text + n, units[i]) == 0)
            return 0;
    return refuse_name(quantity, where);
}

static const json_t *volume_named(const json_t *volumes, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(volumes, i, one)
    {
        if (strcmp(ob_json_str(one, "name", ""), name) == 0)
            return one;
    }
    return NULL;
}

static int check_volumes(const json_t *volumes, const api_field_where *where)
{
    static const char *const kinds[] = { "hostPath", "emptyDir", "secret",
                                         "persistentVolumeClaim" };
    size_t i;
    json_t *one;
    json_array_foreach(volumes, i, one)
    {
        const char *name = ob_json_str(one, "name", "");
        size_t n = 0;
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
            n += json_object_get(one, kinds[k]) != NULL;
        if (n != 1)
            return field_refuse(where,
                                "%s.volumes[%zu] must have one of [hostPath, emptyDir, secret, "
                                "persistentVolumeClaim].",
                                where->path, i);
        if (volume_named(volumes, name) != one)
            return field_refuse(where, "Volume name %.255s is used more than once.", name);
    }
    return 0;
}

/* ---- the pod --------------------------------------------------------------------------------- */

static int check_container(const json_t *pod, const json_t *container, const api_field_where *where)
{
    size_t i;
    json_t *mount;
    json_array_foreach(json_object_get(container, "volumeMounts"), i, mount)
    {
        const char *name = ob_json_str(mount, "name", "");
        if (!volume_named(json_object_get(pod, "volumes"), name))
            return field_refuse(where, "volumeMounts: no volume is named %.255s.", name);
    }
    return 0;
}

int check_pod(json_t *pod, const api_field_where *where)
{
    static const char *const kinds[] = { "containers", "initContainers" };
    json_auto_t *names = json_object();
    int r = check_volumes(json_object_get(pod, "volumes"), where);
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(pod, kinds[k]), i, one)
        {
            const char *name = ob_pod_container_name(one);
            if (r == 0 && json_object_get(names, name))
                r = field_refuse(where, "Container name %.255s is used more than once.", name);
            (void)json_object_set_new(names, name, json_true());
            if (r == 0)
                r = check_container(pod, one, where);
        }
    }
    return r;
}
