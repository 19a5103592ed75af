/* Batch's container properties as Docker Engine's container (AWS Batch API reference:
 * ContainerProperties; ECS task definition parameters say how each becomes Docker's). Owns nothing,
 * does no I/O. Members that this engine cannot serve are refused, never dropped. Any thread. */
#include "docker_spec.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ob/message.h"

#define MIB (1024LL * 1024)
#define MEMORY_MIN (6 * MIB) /* Docker refuses less */
#define CPU_SHARES_MIN 2     /* the kernel's bounds (cgroup v1, cpu.shares) */
#define CPU_SHARES_MAX 262144
/* Output is kept by the engine until it has been sent on. A file that is full is rotated away, and
 * a reader that is more than one file behind loses lines; reading is slowed only while Kafka takes
 * less than the container writes. 4 files of 512 MB bound what a runaway job can fill. */
#define LOG_FILE_SIZE "512m"
#define LOG_FILES "4"

const char *docker_spec_image(const json_t *spec)
{
    return ob_json_str(json_object_get(spec, "container"), "image", NULL);
}

static void set(json_t *obj, const char *name, json_t *value)
{
    (void)json_object_set_new(obj, name, value);
}

/* A resource by its type in resourceRequirements, else by the deprecated member. */
static double resource(const json_t *container, const char *type, const char *old_member)
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

static void add_env(json_t *env, const char *name, const char *value)
{
    ob_cleanup(ob_freep) char *text = ob_strf("%s=%s", name, value);
    (void)json_array_append_new(env, json_string(text));
}

static const char *after_last(const char *text, char c)
{
    const char *p = strrchr(text, c);
    return p ? p + 1 : text;
}

/* Docker takes the last of two entries with one name: ours come last (AWS Batch user guide, "AWS
 * Batch job environment variables"). */
static json_t *make_env(const docker_spec *in, const json_t *container)
{
    json_t *env = json_array();
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(container, "environment"), i, item)
    {
        const char *name = ob_json_str(item, "name", NULL);
        if (name)
            add_env(env, name, ob_json_str(item, "value", ""));
    }
    char text[OB_RUN_TEXT];
    ob_job_ref_format(&(ob_job_ref){ .id = in->ref->id, .index = in->ref->index }, text);
    add_env(env, "AWS_BATCH_JOB_ID", text);
    (void)snprintf(text, sizeof(text), "%d", in->attempt);
    add_env(env, "AWS_BATCH_JOB_ATTEMPT", text);
    add_env(env, "AWS_BATCH_CE_NAME", after_last(ob_json_str(in->spec, "ce", in->ce), '/'));
    add_env(env, "AWS_BATCH_JQ_NAME", after_last(ob_json_str(in->spec, "queue", ""), '/'));
    if (in->ref->index >= 0) {
        (void)snprintf(text, sizeof(text), "%d", in->ref->index);
        add_env(env, "AWS_BATCH_JOB_ARRAY_INDEX", text);
    }
    add_env(env, "AWS_EXECUTION_ENV", "AWS_ECS_EC2");
    return env;
}

static const json_t *find_volume(const json_t *container, const char *name)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(container, "volumes"), i,
                       item) if (strcmp(ob_json_str(item, "name", ""), name) == 0) return item;
    return NULL;
}

static int add_mount(const docker_spec *in,
                     const json_t *container,
                     const json_t *mount,
                     json_t *binds,
                     json_t *volumes,
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

    const char *path = ob_json_str(json_object_get(volume, "host"), "sourcePath", NULL);
    ob_cleanup(ob_freep) char *made = NULL;
    if (!path || !*path) {
        char name[OB_RUN_TEXT];
        ob_run_container_name(in->ref, name);
        path = made = ob_strf("%s-%s", name, source);
        (void)json_array_append_new(volumes, json_string(made));
    }
    ob_cleanup(ob_freep) char *bind =
        ob_strf("%s:%s%s", path, target, ob_json_bool(mount, "readOnly", false) ? ":ro" : "");
    (void)json_array_append_new(binds, json_string(bind));
    return 0;
}

static void add_ulimits(const json_t *container, json_t *host)
{
    const json_t *ulimits = json_object_get(container, "ulimits");
    if (json_array_size(ulimits) == 0)
        return;
    json_t *out = json_array();
    size_t i;
    const json_t *item;
    json_array_foreach(ulimits, i, item)(void) json_array_append_new(
        out, json_pack("{s:s, s:I, s:I}", "Name", ob_json_str(item, "name", ""), "Soft",
                       (json_int_t)ob_json_int(item, "softLimit", 0), "Hard",
                       (json_int_t)ob_json_int(item, "hardLimit", 0)));
    set(host, "Ulimits", out);
}

static json_t *make_device(const json_t *device)
{
    const char *path = ob_json_str(device, "hostPath", "");
    const json_t *permissions = json_object_get(device, "permissions");
    static const char *const names[] = { "READ", "WRITE", "MKNOD" };
    char rwm[4] = "";
    size_t n = 0, i;
    const json_t *item;
    for (size_t k = 0; k < 3; k++)
        json_array_foreach(permissions, i, item) if (json_is_string(item) &&
                                                     strcmp(json_string_value(item), names[k]) == 0)
        {
            rwm[n++] = "rwm"[k];
            break;
        }
    return json_pack("{s:s, s:s, s:s}", "PathOnHost", path, "PathInContainer",
                     ob_json_str(device, "containerPath", path), "CgroupPermissions",
                     *rwm ? rwm : "rwm");
}

static void add_tmpfs(const json_t *list, json_t *host)
{
    json_t *out = json_object();
    size_t i, j;
    const json_t *item, *option;
    json_array_foreach(list, i, item)
    {
        char *text = ob_strf("size=%lldm", (long long)ob_json_int(item, "size", 0));
        json_array_foreach(json_object_get(item, "mountOptions"), j, option)
        {
            char *longer = ob_strf("%s,%s", text, json_string_value(option));
            free(text);
            text = longer;
        }
        set(out, ob_json_str(item, "containerPath", ""), json_string(text));
        free(text);
    }
    set(host, "Tmpfs", out);
}

static void add_linux(const json_t *container, json_t *host, int64_t memory)
{
    const json_t *params = json_object_get(container, "linuxParameters");
    const json_t *devices = json_object_get(params, "devices");
    int64_t max_swap = ob_json_int(params, "maxSwap", -1);
    set(host, "MemorySwap", json_integer(max_swap < 0 ? memory * 2 : memory + max_swap * MIB));
    if (max_swap >= 0 && json_object_get(params, "swappiness"))
        set(host, "MemorySwappiness", json_integer(ob_json_int(params, "swappiness", 60)));
    if (ob_json_bool(params, "initProcessEnabled", false))
        set(host, "Init", json_true());
    int64_t shm = ob_json_int(params, "sharedMemorySize", 0);
    if (shm > 0)
        set(host, "ShmSize", json_integer(shm * MIB));
    if (json_array_size(json_object_get(params, "tmpfs")) > 0)
        add_tmpfs(json_object_get(params, "tmpfs"), host);
    if (json_array_size(devices) > 0) {
        json_t *out = json_array();
        size_t i;
        const json_t *item;
        json_array_foreach(devices, i, item)(void) json_array_append_new(out, make_device(item));
        set(host, "Devices", out);
    }
}

/* The default driver, and awslogs, mean that we send the output on; the engine keeps it for us. */
static json_t *make_log_config(const json_t *container)
{
    const json_t *config = json_object_get(container, "logConfiguration");
    const char *driver = ob_json_str(config, "logDriver", "awslogs");
    if (strcmp(driver, "awslogs") == 0)
        return json_pack("{s:s, s:{s:s, s:s}}", "Type", "json-file", "Config", "max-size",
                         LOG_FILE_SIZE, "max-file", LOG_FILES);
    json_t *options = json_object_get(config, "options");
    return json_pack("{s:s, s:o}", "Type", driver, "Config",
                     json_is_object(options) ? json_copy(options) : json_object());
}

static int make_host(const docker_spec *in,
                     const json_t *container,
                     json_t **ret_host,
                     json_t *volumes,
                     ob_error *err)
{
    double vcpus = resource(container, "VCPU", "vcpus");
    int64_t memory = (int64_t)(resource(container, "MEMORY", "memory") * (double)MIB);
    if (memory <= 0)
        return ob_fail(err, EINVAL, "the job has no memory limit");
    if (resource(container, "GPU", NULL) > 0)
        return ob_fail(err, EINVAL, "GPUs are not supported by this instance");
    if (memory < MEMORY_MIN)
        memory = MEMORY_MIN;
    int64_t shares = (int64_t)(vcpus * 1024);
    shares = shares < CPU_SHARES_MIN   ? CPU_SHARES_MIN
             : shares > CPU_SHARES_MAX ? CPU_SHARES_MAX
                                       : shares;

    json_auto_t *binds = json_array();
    size_t i;
    const json_t *mount;
    json_array_foreach(json_object_get(container, "mountPoints"), i, mount)
    {
        int r = add_mount(in, container, mount, binds, volumes, err);
        if (r < 0)
            return r;
    }
    json_t *host =
        json_pack("{s:s, s:I, s:I, s:o}", "NetworkMode", "host", "CpuShares", (json_int_t)shares,
                  "Memory", (json_int_t)memory, "LogConfig", make_log_config(container));
    if (json_array_size(binds) > 0)
        set(host, "Binds", json_incref(binds));
    if (ob_json_bool(container, "privileged", false))
        set(host, "Privileged", json_true());
    if (ob_json_bool(container, "readonlyRootFilesystem", false))
        set(host, "ReadonlyRootfs", json_true());
    add_ulimits(container, host);
    add_linux(container, host, memory);
    *ret_host = host;
    return 0;
}

int docker_spec_body(const docker_spec *in, json_t **ret_body, json_t **ret_volumes, ob_error *err)
{
    const json_t *container = json_object_get(in->spec, "container");
    const char *image = docker_spec_image(in->spec);
    if (!image || !*image)
        return ob_fail(err, EINVAL, "the job has no image");

    json_auto_t *volumes = json_array();
    json_t *host = NULL;
    int r = make_host(in, container, &host, volumes, err);
    if (r < 0)
        return r;
    char run[OB_RUN_TEXT];
    ob_run_ref_format(in->ref, run);
    json_t *body =
        json_pack("{s:s, s:o, s:o, s:{s:s, s:s, s:s, s:s}}", "Image", image, "Env",
                  make_env(in, container), "HostConfig", host, "Labels", "openbatch.home", in->home,
                  "openbatch.instance", in->instance, "openbatch.run", run, "openbatch.ce", in->ce);
    if (!body)
        return ob_fail(err, EINVAL, "the job's properties are no valid text");
    json_t *command = json_object_get(container, "command");
    if (json_array_size(command) > 0)
        set(body, "Cmd", json_incref(command));
    const char *user = ob_json_str(container, "user", NULL);
    if (user && *user)
        set(body, "User", json_string(user));
    *ret_body = body;
    *ret_volumes = ob_take(volumes);
    return 0;
}

char *docker_url_encode(const char *text)
{
    char *out = ob_calloc(strlen(text) * 3 + 1, 1), *p = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c))
            *p++ = (char)c;
        else
            p += sprintf(p, "%%%02X", c);
    }
    return out;
}

char *docker_spec_pull_query(const char *image)
{
    ob_cleanup(ob_freep) char *encoded = docker_url_encode(image);
    bool is_exact = strchr(image, '@') || strchr(after_last(image, '/'), ':');
    return ob_strf("fromImage=%s%s", encoded, is_exact ? "" : "&tag=latest");
}

int64_t docker_time_ns(const char *text, size_t len, const char **ret_end)
{
    /* 2006-01-02T15:04:05[.999999999](Z|+07:00) */
    char date[20];
    struct tm tm = { 0 };
    if (len < sizeof(date))
        return 0;
    memcpy(date, text, sizeof(date) - 1);
    date[sizeof(date) - 1] = '\0';
    const char *rest = strptime(date, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest || *rest)
        return 0;
    const char *p = text + sizeof(date) - 1, *end = text + len;
    int64_t ns = 0;
    if (*p == '.') {
        int64_t unit = 100000000;
        for (p++; p < end && isdigit((unsigned char)*p); p++, unit /= 10)
            ns += (*p - '0') * unit;
    }
    int64_t shift_s = 0;
    if (p < end && *p == 'Z') {
        p++;
    } else if (end - p >= 6 && (*p == '+' || *p == '-')) {
        shift_s = ((p[1] - '0') * 10 + p[2] - '0') * 3600 + ((p[4] - '0') * 10 + p[5] - '0') * 60;
        shift_s = *p == '+' ? shift_s : -shift_s;
        p += 6;
    } else {
        return 0;
    }
    if (ret_end)
        *ret_end = p;
    int64_t s = timegm(&tm) - shift_s;
    return s < 0 ? 0 : s * 1000000000 + ns;
}
