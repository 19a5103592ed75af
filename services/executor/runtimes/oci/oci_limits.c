/* Limits, capabilities and devices, with Docker's defaults (docker.io 20.10). Owns nothing, does no
 * I/O. Any thread. */
#include "oci_limits.h"

#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "runtimes/properties.h"

#define CPU_PERIOD_US 100000
#define SWAPPINESS_DEFAULT 60

static void set(json_t *obj, const char *name, json_t *value)
{
    (void)json_object_set_new(obj, name, value);
}

static bool is_privileged(const oci_input *in)
{
    return ob_json_bool(json_object_get(in->spec, "container"), "privileged", false);
}

/* ---- resources ---- */

static int make_memory(const oci_input *in, json_t **ret, ob_error *err)
{
    const json_t *container = json_object_get(in->spec, "container");
    const json_t *params = json_object_get(container, "linuxParameters");
    int64_t memory = 0;
    int r = property_memory(container, &memory, err);
    if (r < 0)
        return r;
    int64_t max_swap = ob_json_int(params, "maxSwap", -1);
    int64_t swap = max_swap < 0 ? memory : property_bytes((double)max_swap);
    *ret = json_pack("{s:I}", "limit", (json_int_t)memory);
    if (in->host->limits_swap)
        set(*ret, "swap", json_integer(memory + swap));
    if (max_swap >= 0 && json_object_get(params, "swappiness") &&
        in->host->groups != OCI_GROUPS_V2) /* v2 has no such limit */
        set(*ret, "swappiness",
            json_integer(ob_json_int(params, "swappiness", SWAPPINESS_DEFAULT)));
    return 0;
}

/* EC2: a share of the host's processors; Fargate: no more than requested. */
static json_t *make_cpu(const json_t *container)
{
    double vcpus = property_vcpus(container);
    json_t *cpu = json_pack("{s:I}", "shares", (json_int_t)property_cpu_shares(vcpus));
    if (property_is_fargate(container)) {
        set(cpu, "period", json_integer(CPU_PERIOD_US));
        set(cpu, "quota", json_integer((json_int_t)(vcpus * CPU_PERIOD_US)));
    }
    return cpu;
}

static void allow(json_t *rules, const char *type, int64_t major, int64_t minor, const char *access)
{
    json_t *rule = json_pack("{s:b, s:o, s:o}", "allow", 1, "type", ob_json_text(type), "access",
                             ob_json_text(access));
    if (major >= 0)
        set(rule, "major", json_integer(major));
    if (minor >= 0)
        set(rule, "minor", json_integer(minor));
    (void)json_array_append_new(rules, rule);
}

static json_t *make_device_rules(const oci_input *in)
{
    static const struct {
        int major, minor;
    } usual[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 },   { 1, 9 },
                  { 5, 0 }, { 5, 1 }, { 5, 2 }, { 136, -1 } };
    json_t *rules = json_array();
    if (is_privileged(in)) {
        (void)json_array_append_new(
            rules, json_pack("{s:b, s:o}", "allow", 1, "access", ob_json_text("rwm")));
        return rules;
    }
    (void)json_array_append_new(rules,
                                json_pack("{s:b, s:o}", "allow", 0, "access", ob_json_text("rwm")));
    allow(rules, "c", -1, -1, "m");
    allow(rules, "b", -1, -1, "m");
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        allow(rules, "c", usual[i].major, usual[i].minor, "rwm");
    size_t i;
    const json_t *device;
    json_array_foreach(in->devices, i, device)
        allow(rules, ob_json_str(device, "type", "c"), ob_json_int(device, "major", 0),
              ob_json_int(device, "minor", 0), ob_json_str(device, "access", "rwm"));
    return rules;
}

int oci_resources(const oci_input *in, json_t **ret, ob_error *err)
{
    json_t *memory = NULL;
    int r = make_memory(in, &memory, err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:o, s:o, s:o}", "devices", make_device_rules(in), "memory", memory, "cpu",
                     make_cpu(json_object_get(in->spec, "container")));
    if (in->host->pids_limit > 0)
        set(*ret, "pids", json_pack("{s:I}", "limit", (json_int_t)in->host->pids_limit));
    return 0;
}

json_t *oci_device_nodes(const json_t *devices)
{
    json_t *nodes = json_deep_copy(devices ? devices : json_null());
    if (!json_is_array(nodes)) {
        json_decref(nodes);
        return json_array();
    }
    size_t i;
    json_t *node;
    json_array_foreach(nodes, i, node)(void) json_object_del(node, "access");
    return nodes;
}

/* ---- capabilities ---- */

/* By number (capabilities(7)). */
static const char *const capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

/* Docker's, without NET_RAW: on the host's network raw packets show everybody's traffic. */
static bool is_usual(const char *name)
{
    static const char *const usual[] = {
        "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",  "CAP_MKNOD",
        "CAP_SETGID", "CAP_SETUID",       "CAP_SETFCAP",          "CAP_SETPCAP", "CAP_SYS_CHROOT",
        "CAP_KILL",   "CAP_AUDIT_WRITE",  "CAP_NET_BIND_SERVICE",
    };
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (strcmp(name, usual[i]) == 0)
            return true;
    return false;
}

/* Nobody can give what this process does not have. Users other than root have the capabilities only
 * in their bounding set, as after an exec. */
json_t *oci_capabilities(const oci_input *in)
{
    json_t *bounding = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(capability_names); i++)
        if ((in->host->capabilities >> i & 1) &&
            (is_privileged(in) || is_usual(capability_names[i])))
            (void)json_array_append_new(bounding, ob_json_text(capability_names[i]));
    json_t *held = in->user->uid == 0 ? json_incref(bounding) : json_array();
    return json_pack("{s:o, s:O, s:o, s:[], s:[]}", "bounding", bounding, "effective", held,
                     "permitted", held, "inheritable", "ambient");
}

/* ---- /proc and /sys ---- */

/* /proc/scsi takes disks from the host; the host's interrupts and power tell what others do. */
json_t *oci_masked_paths(void)
{
    return json_pack("[ssssssssssss]", "/proc/acpi", "/proc/asound", "/proc/interrupts",
                     "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
                     "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
                     "/sys/devices/virtual/powercap", "/sys/firmware");
}

json_t *oci_readonly_paths(void)
{
    return json_pack("[sssss]", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                     "/proc/sysrq-trigger");
}
