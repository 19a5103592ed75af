/* What Batch's container properties say, whatever runs the container (AWS Batch API reference:
 * ContainerProperties). Owns nothing, does no I/O. Any thread. */
#include "runtimes/properties.h"

#include <stdio.h>
#include <string.h>

#include "ob/array_part.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "ob/trace.h"

#define MIB (1024LL * 1024)
#define MIB_MAX (INT64_MAX / MIB / 4) /* sums of some fit */
#define MEMORY_MIN (6 * MIB)          /* Docker refuses less */
#define VCPUS_MAX 1000000             /* no machine has more */
#define CPU_SHARES_MIN 2
#define CPU_SHARES_MAX 262144

int64_t property_bytes(double mib)
{
    return mib > 0 ? (mib < (double)MIB_MAX ? (int64_t)(mib * (double)MIB) : MIB_MAX * MIB) : 0;
}

double property_resource(const json_t *container, const char *type, const char *old_member)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(container, "resourceRequirements"), i,
                       item) if (strcmp(ob_json_str(item, "type", ""), type) == 0)
    {
        const json_t *value = json_object_get(item, "value");
        return json_is_string(value) ? atof(json_string_value(value)) : json_number_value(value);
    }
    return old_member ? json_number_value(json_object_get(container, old_member)) : 0;
}

int property_memory(const json_t *container, int64_t *ret, ob_error *err)
{
    int64_t memory = property_bytes(property_resource(container, "MEMORY", "memory"));
    if (memory == 0)
        return ob_fail(err, EINVAL, "the job has no memory limit");
    *ret = memory < MEMORY_MIN ? MEMORY_MIN : memory;
    return 0;
}

double property_vcpus(const json_t *container)
{
    double vcpus = property_resource(container, "VCPU", "vcpus");
    return vcpus < VCPUS_MAX ? vcpus : VCPUS_MAX;
}

int64_t property_cpu_shares(double vcpus)
{
    int64_t shares = (int64_t)(vcpus * 1024);
    return shares < CPU_SHARES_MIN   ? CPU_SHARES_MIN
           : shares > CPU_SHARES_MAX ? CPU_SHARES_MAX
                                     : shares;
}

bool property_is_fargate(const json_t *container)
{
    return json_is_object(json_object_get(container, "fargatePlatformConfiguration"));
}

static void add_env(json_t *env, const char *name, const char *value)
{
    ob_cleanup(ob_freep) char *text = ob_strf("%s=%s", name, value);
    (void)json_array_append_new(env, ob_json_text(text));
}

static const char *after_last(const char *text, char c)
{
    const char *p = strrchr(text, c);
    return p ? p + 1 : text;
}

/* For spans of the job's own program. The first: the job's own entry of this name counts. */
static void add_traceparent(json_t *env, const ob_run_ref *ref)
{
    char parent[OB_TRACEPARENT_TEXT];
    ob_traceparent_format(ref, OB_TRACE_RUN, parent);
    add_env(env, "TRACEPARENT", parent);
}

static void add_number(json_t *env, const char *name, int64_t value)
{
    ob_cleanup(ob_freep) char *text = ob_strf("%lld", (long long)value);
    add_env(env, name, text);
}

/* environment: a list of {name, value}. */
static const char *part_of(const json_t *environment)
{
    const char *part = NULL;
    size_t i;
    const json_t *item;
    json_array_foreach(environment, i, item)
    {
        if (strcmp(ob_json_str(item, "name", ""), OB_ARRAY_PART) == 0)
            part = ob_json_str(item, "value", NULL);
    }
    return part;
}

/* A child's index and size; those of the whole array, if its own is a part of one, which may be a
 * single job. The api has checked the part. */
static void
add_array_env(json_t *env, const ob_run_ref *ref, const json_t *spec, const json_t *environment)
{
    const char *part = part_of(environment);
    int n = 0, index = -1, whole = 0;
    int64_t size = ob_json_int(spec, "arraySize", 0);
    if (part && ob_array_part_read(part, ref->index < 0 ? 0 : ref->index, &n, &index, &whole) &&
        index >= 0)
        size = whole;
    else
        index = ref->index;
    if (index < 0)
        return;
    add_number(env, "AWS_BATCH_JOB_ARRAY_INDEX", index);
    if (size > 0) /* AWS does not set it; jobs that share work need it */
        add_number(env, "AWS_BATCH_JOB_ARRAY_SIZE", size);
}

/* What every container of a job gets (AWS Batch user guide, "AWS Batch job environment variables").
 * environment: the container's own. */
static void add_batch_env(json_t *env,
                          const ob_run_ref *ref,
                          int attempt,
                          const json_t *spec,
                          const char *ce,
                          const json_t *environment)
{
    char text[OB_RUN_TEXT];
    ob_job_ref_format(&(ob_job_ref){ .id = ref->id, .index = ref->index }, text);
    add_env(env, "AWS_BATCH_JOB_ID", text);
    (void)snprintf(text, sizeof(text), "%d", attempt);
    add_env(env, "AWS_BATCH_JOB_ATTEMPT", text);
    add_env(env, "AWS_BATCH_CE_NAME", after_last(ob_json_str(spec, "ce", ce), '/'));
    add_env(env, "AWS_BATCH_JQ_NAME", after_last(ob_json_str(spec, "queue", ""), '/'));
    add_array_env(env, ref, spec, environment);
}

json_t *property_pod_env(const ob_run_ref *ref,
                         int attempt,
                         const json_t *spec,
                         const char *ce,
                         const char *node_uid,
                         const json_t *environment)
{
    json_t *env = json_array();
    if (ob_json_bool(spec, "trace", false))
        add_traceparent(env, ref);
    add_batch_env(env, ref, attempt, spec, ce, environment);
    add_env(env, "AWS_BATCH_JOB_KUBERNETES_NODE_UID", node_uid);
    return env;
}

/* Docker takes the last of two entries with one name: ours come last. */
json_t *property_env(
    const ob_run_ref *ref, int attempt, const json_t *spec, const char *ce, const json_t *secrets)
{
    const json_t *container = json_object_get(spec, "container");
    json_t *env = json_array();
    size_t i;
    const json_t *item;
    if (ob_json_bool(spec, "trace", false))
        add_traceparent(env, ref);
    json_array_foreach(json_object_get(container, "environment"), i, item)
    {
        if (ob_json_str(item, "name", NULL))
            add_env(env, ob_json_str(item, "name", ""), ob_json_str(item, "value", ""));
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)secrets, name, value)
        add_env(env, name, json_string_value(value));
    add_batch_env(env, ref, attempt, spec, ce, json_object_get(container, "environment"));
    add_env(env, "AWS_EXECUTION_ENV",
            property_is_fargate(container) ? "AWS_ECS_FARGATE" : "AWS_ECS_EC2");
    return env;
}

int property_platform(const json_t *spec, const char **ret, ob_error *err)
{
    const json_t *platform = json_object_get(json_object_get(spec, "container"), "runtimePlatform");
    const char *system = ob_json_str(platform, "operatingSystemFamily", "LINUX");
    const char *cpu = ob_json_str(platform, "cpuArchitecture", NULL);
    *ret = NULL;
    if (strcmp(system, "LINUX") != 0)
        return ob_fail(err, EINVAL, "operatingSystemFamily %s is not supported",
                       ob_cut(system, 100));
    if (!cpu)
        return 0;
    if (strcmp(cpu, "X86_64") == 0)
        *ret = "linux/amd64";
    else if (strcmp(cpu, "ARM64") == 0)
        *ret = "linux/arm64";
    return *ret ? 0 : ob_fail(err, EINVAL, "cpuArchitecture %s is not supported", ob_cut(cpu, 100));
}

static const json_t *find_volume(const json_t *container, const char *name)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(container, "volumes"), i, item)
    {
        if (strcmp(ob_json_str(item, "name", ""), name) == 0)
            return item;
    }
    return NULL;
}

int property_mount_read(const json_t *container,
                        const json_t *mount,
                        property_mount *ret,
                        ob_error *err)
{
    const char *source = ob_json_str(mount, "sourceVolume", "");
    const char *target = ob_json_str(mount, "containerPath", NULL);
    const json_t *volume = find_volume(container, source);
    if (!target)
        return ob_fail(err, EINVAL, "mountPoints has an element without containerPath");
    if (!volume)
        return ob_fail(err, EINVAL, "mountPoints names volume %s, which is not in volumes", source);
    if (json_object_get(volume, "efsVolumeConfiguration"))
        return ob_fail(err, EINVAL, "volume %s: EFS is not supported", source);
    if (strchr(target, ':') || *target != '/')
        return ob_fail(err, EINVAL, "containerPath %s is not an absolute path without colons",
                       ob_cut(target, 100));
    const char *path = ob_json_str(json_object_get(volume, "host"), "sourcePath", "");
    if (*path && (strchr(path, ':') || *path != '/'))
        return ob_fail(err, EINVAL, "sourcePath %s is not an absolute path without colons",
                       ob_cut(path, 100));
    *ret = (property_mount){ .volume = source,
                             .target = target,
                             .path = *path ? path : NULL,
                             .read_only = ob_json_bool(mount, "readOnly", false) };
    return 0;
}
