/* HostConfig: limits, mounts, devices, GPUs and the log driver of a container (ECS task definition
 * parameters describe how Batch's properties become Docker's). Owns nothing, does no I/O.
 * Properties that the engine cannot provide are refused, never dropped. Any thread. */
#include "docker_host.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "runtimes/properties.h"

/* The engine stores output until it has been sent. A full file is rotated away, and a reader that
 * is more than one file behind loses lines; reading slows only while Kafka accepts less than the
 * container writes. 4 files of 512 MB limit what a runaway job can fill. */
#define LOG_FILE_SIZE "512m"
#define LOG_FILES "4"

static void set(json_t *obj, const char *name, json_t *value)
{
    (void)json_object_set_new(obj, name, value);
}

static int add_mount(const docker_spec *in,
                     const json_t *container,
                     const json_t *mount,
                     json_t *binds,
                     json_t *volumes,
                     ob_error *err)
{
    property_mount m;
    int r = property_mount_read(container, mount, &m, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *made = NULL;
    if (!m.path) {
        char name[OB_RUN_TEXT];
        ob_run_container_name(in->ref, name);
        m.path = made = ob_strf("%s-%s", name, m.volume);
        (void)json_array_append_new(volumes, ob_json_text(made));
    }
    ob_cleanup(ob_freep) char *bind =
        ob_strf("%s:%s%s", m.path, m.target, m.read_only ? ":ro" : "");
    (void)json_array_append_new(binds, ob_json_text(bind));
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
        out, json_pack("{s:o, s:I, s:I}", "Name", ob_json_text(ob_json_str(item, "name", "")),
                       "Soft", (json_int_t)ob_json_int(item, "softLimit", 0), "Hard",
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
    return json_pack("{s:o, s:o, s:o}", "PathOnHost", ob_json_text(path), "PathInContainer",
                     ob_json_text(ob_json_str(device, "containerPath", path)), "CgroupPermissions",
                     ob_json_text(*rwm ? rwm : "rwm"));
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
        set(out, ob_json_str(item, "containerPath", ""), ob_json_text(text));
        free(text);
    }
    set(host, "Tmpfs", out);
}

static void add_linux(const json_t *container, json_t *host, int64_t memory)
{
    const json_t *params = json_object_get(container, "linuxParameters");
    const json_t *devices = json_object_get(params, "devices");
    int64_t max_swap = ob_json_int(params, "maxSwap", -1);
    int64_t swap = max_swap < 0 ? memory : property_bytes((double)max_swap);
    set(host, "MemorySwap", json_integer(memory + swap));
    if (max_swap >= 0 && json_object_get(params, "swappiness"))
        set(host, "MemorySwappiness", json_integer(ob_json_int(params, "swappiness", 60)));
    if (ob_json_bool(params, "initProcessEnabled", false))
        set(host, "Init", json_true());
    int64_t shm = ob_json_int(params, "sharedMemorySize", 0);
    if (shm > 0)
        set(host, "ShmSize", json_integer(property_bytes((double)shm)));
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

/* With the default driver and with awslogs we send the output. The engine stores it byte for byte
 * for us; json-file would break a character at the end of each 16 KiB. */
static json_t *make_log_config(const docker_spec *in, const json_t *container)
{
    const json_t *config = json_object_get(container, "logConfiguration");
    const char *driver = ob_json_str(config, "logDriver", "awslogs");
    if (strcmp(driver, "awslogs") == 0)
        return json_pack("{s:o, s:{s:o, s:o}}", "Type", ob_json_text("local"), "Config", "max-size",
                         ob_json_text(LOG_FILE_SIZE), "max-file", ob_json_text(LOG_FILES));
    json_t *options = json_copy(json_object_get(config, "options"));
    if (!options)
        options = json_object();
    (void)json_object_update(options, (json_t *)in->log_secrets);
    return json_pack("{s:o, s:o}", "Type", ob_json_text(driver), "Config", options);
}

/* EC2: a share of the host's processors; Fargate: no more than requested. */
static void add_cpu(const json_t *container, json_t *host)
{
    double vcpus = property_vcpus(container);
    set(host, "CpuShares", json_integer(property_cpu_shares(vcpus)));
    if (property_is_fargate(container))
        set(host, "NanoCpus", json_integer((json_int_t)(vcpus * 1e9)));
}

static void add_gpus(const docker_spec *in, json_t *host)
{
    if (!in->gpus)
        return;
    json_t *ids = json_array();
    ob_cleanup(ob_freep) char *copy = ob_strdup(in->gpus);
    for (char *rest = copy, *id; (id = strsep(&rest, ","));)
        (void)json_array_append_new(ids, ob_json_text(id));
    set(host, "DeviceRequests",
        json_pack("[{s:o, s:o, s:[[o]]}]", "Driver", ob_json_text("nvidia"), "DeviceIDs", ids,
                  "Capabilities", ob_json_text("gpu")));
}

static int add_mounts(
    const docker_spec *in, const json_t *container, json_t *host, json_t *volumes, ob_error *err)
{
    json_auto_t *binds = json_array();
    size_t i;
    const json_t *mount;
    json_array_foreach(json_object_get(container, "mountPoints"), i, mount)
    {
        int r = add_mount(in, container, mount, binds, volumes, err);
        if (r < 0)
            return r;
    }
    if (json_array_size(binds) > 0)
        set(host, "Binds", json_incref(binds));
    return 0;
}

int docker_host_config(const docker_spec *in, json_t **ret_host, json_t *volumes, ob_error *err)
{
    const json_t *container = json_object_get(in->spec, "container");
    int64_t memory = 0;
    int r = property_memory(container, &memory, err);
    if (r < 0)
        return r;
    json_auto_t *host = json_pack("{s:o, s:I, s:o}", "NetworkMode", ob_json_text("host"), "Memory",
                                  (json_int_t)memory, "LogConfig", make_log_config(in, container));
    r = add_mounts(in, container, host, volumes, err);
    if (r < 0)
        return r;
    /* On the host's network raw packets show everybody's traffic. */
    if (ob_json_bool(container, "privileged", false))
        set(host, "Privileged", json_true());
    else
        set(host, "CapDrop", json_pack("[o]", ob_json_text("NET_RAW")));
    if (in->pids_limit > 0)
        set(host, "PidsLimit", json_integer(in->pids_limit));
    if (ob_json_bool(container, "readonlyRootFilesystem", false))
        set(host, "ReadonlyRootfs", json_true());
    add_cpu(container, host);
    add_gpus(in, host);
    add_ulimits(container, host);
    add_linux(container, host, memory);
    *ret_host = json_incref(host);
    return 0;
}
