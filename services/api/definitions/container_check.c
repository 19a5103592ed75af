/* Rules for containerProperties in addition to types and limits (AWS Batch API reference,
 * "ContainerProperties"): each resource once, volumes and mount points that match, names, and the
 * members of each platform. Changes nothing. Pure: any thread. */
#include "container_check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/fargate.h"
#include "ob/id.h"

#define VOLUME_NAME_MAX 255
#define VCPUS_MAX (INT32_MAX / 1000) /* counted in thousandths, as vcpus is */
#define LOG_OPTION_MAX 512
/* The stream is <prefix>/default/<task id> with at most 512 bytes, as on AWS. */
#define STREAM_PREFIX_MAX (LOG_OPTION_MAX - strlen("/default/") - (OB_TASK_TEXT - 1))

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* A number without sign or leading zero, and with a fraction ("0.25") if that is allowed. */
static bool is_amount(const char *text, bool fraction)
{
    size_t n = strspn(text, "0123456789");
    if (n < 1 || n > 9 || (text[0] == '0' && (!fraction || n > 1 || text[n] != '.')))
        return false;
    if (!fraction || text[n] != '.')
        return text[n] == '\0';
    size_t digits = strspn(text + n + 1, "0123456789");
    return digits >= 1 && digits <= 3 && text[n + 1 + digits] == '\0' && strtod(text, NULL) > 0;
}

static int not_numeric(const char *value, const char *type, const api_field_where *where)
{
    return field_refuse(where,
                        "Value %.60s for type %s in resourceRequirement is not valid. Please "
                        "provide a numeric value.",
                        value, type);
}

/* Only Fargate has parts of a vCPU; container_check_platform has the platform. */
int check_requirements(json_t *list, const api_field_where *where)
{
    static const char *const types[] = { "VCPU", "MEMORY", "GPU" };
    unsigned seen = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *type = text_of(entry, "type"), *value = text_of(entry, "value");
        for (unsigned k = 0; k < 3; k++) {
            if (strcmp(type, types[k]) != 0)
                continue;
            if (seen & 1u << k)
                return field_refuse(where, "%s has type %s more than once.", where->path, type);
            seen |= 1u << k;
        }
        if (!is_amount(value, strcmp(type, "VCPU") == 0))
            return not_numeric(value, type, where);
        if (strcmp(type, "VCPU") == 0 && atoi(value) > VCPUS_MAX)
            return field_refuse(where,
                                "Value %.60s for type VCPU in resourceRequirement is not valid. It "
                                "must be at most %d.",
                                value, VCPUS_MAX);
        if (strcmp(type, "MEMORY") == 0 && atoi(value) < 4)
            return field_refuse(where,
                                "Value %.60s for type MEMORY in resourceRequirement is not valid. "
                                "It must be at least 4.",
                                value);
    }
    return 0;
}

int check_environment_names(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *pair;
    json_array_foreach(list, i, pair)
    {
        const char *name = text_of(pair, "name");
        if (!*name)
            return field_refuse(where, "%s[%zu].name is required.", where->path, i);
        if (strncmp(name, "AWS_BATCH", 9) == 0)
            return field_refuse(
                where, "Environment variable names may not start with AWS_BATCH: %.200s", name);
        if (strchr(name, '='))
            return field_refuse(where, "%s[%zu].name must not contain an equals sign.", where->path,
                                i);
    }
    return 0;
}

/* ^([a-z0-9_][a-z0-9_-]{0,30})$ */
static bool is_user_part(const char *text, size_t len)
{
    if (len < 1 || len > 31 || text[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
            text[i] != '_' && text[i] != '-')
            return false;
    return true;
}

int check_user(json_t *user, const api_field_where *where)
{
    const char *text = json_string_value(user);
    size_t len = strcspn(text, ":");
    if (is_user_part(text, len) &&
        (!text[len] || is_user_part(text + len + 1, strlen(text + len + 1))))
        return 0;
    return field_refuse(where, "User '%.100s' does not match regex", text);
}

static bool is_among(const char *text, size_t len, const char *const *list)
{
    while (*list && (strlen(*list) != len || strncmp(text, *list, len) != 0))
        list++;
    return *list;
}

static bool is_option(const char *name, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(text), good = 0;
    const char *more = strcmp(name, "awslogs-group") == 0    ? "-_/.#"
                       : strcmp(name, "awslogs-region") == 0 ? "-"
                                                             : NULL;
    while (more && good < n && (strchr(letters, text[good]) || strchr(more, text[good])))
        good++;
    return n >= 1 && (!more || good == n);
}

/* The Docker Engine checks the options of other drivers. */
int check_log_configuration(json_t *configuration, const api_field_where *where)
{
    static const char *const known[] = { "awslogs-group",
                                         "awslogs-region",
                                         "awslogs-stream-prefix",
                                         "awslogs-create-group",
                                         "awslogs-datetime-format",
                                         "awslogs-multiline-pattern",
                                         "mode",
                                         "max-buffer-size",
                                         NULL };
    const char *name;
    json_t *value;
    if (strcmp(text_of(configuration, "logDriver"), "awslogs") != 0)
        return 0;
    json_object_foreach(json_object_get(configuration, "options"), name, value)
    {
        if (!is_among(name, strlen(name), known))
            return field_refuse(where, "Log driver awslogs disallows options: %.100s", name);
        size_t max =
            strcmp(name, "awslogs-stream-prefix") == 0 ? STREAM_PREFIX_MAX : LOG_OPTION_MAX;
        if (json_string_length(value) > max)
            return field_refuse(where, "%s.options.%s must have length less than or equal to %zu.",
                                where->path, name, max);
        if (!is_option(name, json_string_value(value)))
            return field_refuse(where, "%s.options.%s %.200s is not valid.", where->path, name,
                                json_string_value(value));
    }
    return 0;
}

int check_secrets(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *secret;
    json_array_foreach(list, i, secret)
    {
        const char *name = text_of(secret, "name");
        if (strncmp(name, "AWS_BATCH", 9) == 0 || strchr(name, '='))
            return field_refuse(where, "%s[%zu].name %.200s is not valid.", where->path, i, name);
    }
    return 0;
}

int check_ulimits(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *limit;
    json_array_foreach(list, i, limit)
    {
        json_int_t soft = json_integer_value(json_object_get(limit, "softLimit")),
                   hard = json_integer_value(json_object_get(limit, "hardLimit"));
        const char *name = text_of(limit, "name");
        if (hard >= 0 && (soft < 0 || soft > hard))
            return field_refuse(where, "%s[%zu]: softLimit must not be greater than hardLimit.",
                                where->path, i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(text_of(json_array_get(list, k), "name"), name) == 0)
                return field_refuse(where, "%s has %s more than once.", where->path, name);
    }
    return 0;
}

/* AWS Batch API reference, "Tmpfs". */
int check_mount_options(json_t *list, const api_field_where *where)
{
    static const char *const flags[] = {
        "defaults",      "ro",         "rw",          "suid",
        "nosuid",        "dev",        "nodev",       "exec",
        "noexec",        "sync",       "async",       "dirsync",
        "remount",       "mand",       "nomand",      "atime",
        "noatime",       "diratime",   "nodiratime",  "bind",
        "rbind",         "unbindable", "runbindable", "private",
        "rprivate",      "shared",     "rshared",     "slave",
        "rslave",        "relatime",   "norelatime",  "strictatime",
        "nostrictatime", NULL
    };
    static const char *const with_value[] = { "mode",      "uid",  "gid", "nr_inodes",
                                              "nr_blocks", "mpol", NULL };
    size_t i;
    json_t *option;
    json_array_foreach(list, i, option)
    {
        const char *text = json_string_value(option);
        size_t len = strcspn(text, "=");
        if (strchr(text, ',') || !is_among(text, len, text[len] ? with_value : flags))
            return field_refuse(where, "%s[%zu] %.100s is not valid.", where->path, i, text);
    }
    return 0;
}

int check_image(json_t *image, const api_field_where *where)
{
    for (const char *at = json_string_value(image); *at; at++)
        if ((unsigned char)*at >= 0x80 || (!isalnum((unsigned char)*at) && !strchr("-_.:/#@", *at)))
            return field_refuse(where, "%s %.255s is not a valid image name.", where->path,
                                json_string_value(image));
    return 0;
}

static const char *requirement(const json_t *container, const char *type)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(container, "resourceRequirements"), i, entry)
    {
        if (strcmp(text_of(entry, "type"), type) == 0)
            return text_of(entry, "value");
    }
    return NULL;
}

static int check_resources(const json_t *container, const api_field_where *where)
{
    static const struct {
        const char *older, *type, *missing;
    } kinds[] = { { "vcpus", "VCPU", "vCPU is not provided." },
                  { "memory", "MEMORY", "Memory is not provided." } };
    for (size_t i = 0; i < 2; i++) {
        bool older = json_object_get(container, kinds[i].older),
             newer = requirement(container, kinds[i].type);
        if (older && newer)
            return field_refuse(where,
                                "%s.%s and resourceRequirements of type %s cannot both be set.",
                                where->path, kinds[i].older, kinds[i].type);
        if (!older && !newer)
            return field_refuse(where, "%s", kinds[i].missing);
    }
    return 0;
}

/* Docker's "source:target:ro" has no way to write a colon. */
static bool is_mountable(const char *path)
{
    return *path == '/' && !strchr(path, ':');
}

int check_volumes(const json_t *volumes, const api_field_where *where)
{
    size_t i;
    json_t *volume;
    json_auto_t *names = json_object();
    json_array_foreach(volumes, i, volume)
    {
        const char *name = text_of(volume, "name");
        const char *source = text_of(json_object_get(volume, "host"), "sourcePath");
        if (strlen(name) > VOLUME_NAME_MAX ||
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
                strlen(name))
            return field_refuse(where, "Volume name %.255s is not valid.", name);
        if (json_object_get(names, name))
            return field_refuse(where, "Volume name %.255s is used more than once.", name);
        (void)json_object_set(names, name, volume);
        if (*source && !is_mountable(source))
            return field_refuse(
                where, "%s.volumes[%zu].host.sourcePath must be an absolute path without colons.",
                where->path, i);
    }
    return 0;
}

int check_mounts(const json_t *container, const json_t *volumes, const api_field_where *where)
{
    size_t i;
    json_t *entry;
    json_auto_t *names = json_object();
    json_array_foreach(volumes, i, entry)
    {
        (void)json_object_set(names, text_of(entry, "name"), entry);
    }
    json_array_foreach(json_object_get(container, "mountPoints"), i, entry)
    {
        const char *volume = text_of(entry, "sourceVolume");
        if (!json_object_get(names, volume))
            return field_refuse(where, "Unknown volume '%.255s'.", volume);
        if (!is_mountable(text_of(entry, "containerPath")))
            return field_refuse(
                where, "%s.mountPoints[%zu].containerPath must be an absolute path without colons.",
                where->path, i);
    }
    return 0;
}

int check_container(json_t *container, const api_field_where *where)
{
    int r = check_resources(container, where);
    if (r == 0)
        r = check_volumes(json_object_get(container, "volumes"), where);
    if (r == 0)
        r = check_mounts(container, json_object_get(container, "volumes"), where);
    return r;
}

/* ---- rules that depend on the platform ------------------------------------------------------- */

static int check_ec2(const json_t *container, const api_field_where *where)
{
    static const char *const fargate_only[] = { "networkConfiguration",
                                                "fargatePlatformConfiguration", "ephemeralStorage",
                                                "runtimePlatform" };
    for (size_t i = 0; i < ARRAY_SIZE(fargate_only); i++)
        if (!json_is_nothing(json_object_get(container, fargate_only[i])))
            return field_refuse(where, "%s not applicable for EC2.", fargate_only[i]);
    const char *vcpus = requirement(container, "VCPU");
    return vcpus && !is_amount(vcpus, false) ? not_numeric(vcpus, "VCPU", where) : 0;
}

static int not_on_fargate(const char *what, const api_field_where *where)
{
    return field_refuse(where, "%s is not applicable for Fargate.", what);
}

static int check_fargate_size(const json_t *container, const api_field_where *where)
{
    const char *vcpus = requirement(container, "VCPU"), *memory = requirement(container, "MEMORY");
    ob_resources size = { .mcpu = (int32_t)(strtod(vcpus ? vcpus : "0", NULL) * 1000 + 0.5),
                          .mem_mib = atoi(memory ? memory : "0") };
    if (requirement(container, "GPU"))
        return not_on_fargate("GPU", where);
    if (!ob_fargate_is_legal(&size))
        return field_refuse(where,
                            "Fargate resource requirements (%d.%02d vCPU, %d MiB) not valid.",
                            (int)size.mcpu / 1000, (int)size.mcpu % 1000 / 10, (int)size.mem_mib);
    return 0;
}

static int check_fargate(const json_t *container, const api_field_where *where)
{
    static const char *const older[] = { "vcpus", "memory" };
    static const char *const others[] = { "ulimits", "privileged" };
    static const char *const linux_others[] = { "devices", "maxSwap", "sharedMemorySize",
                                                "swappiness", "tmpfs" };
    const json_t *linux_parameters = json_object_get(container, "linuxParameters");
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(container, older[i]))
            return field_refuse(
                where, "%s is not applicable for Fargate. Use resource requirements instead.",
                older[i]);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (!json_is_nothing(json_object_get(container, others[i])))
            return not_on_fargate(others[i], where);
    for (size_t i = 0; i < ARRAY_SIZE(linux_others); i++)
        if (!json_is_nothing(json_object_get(linux_parameters, linux_others[i])))
            return not_on_fargate(linux_others[i], where);
    size_t i;
    json_t *volume;
    json_array_foreach(json_object_get(container, "volumes"), i, volume)
    {
        if (!json_is_nothing(json_object_get(volume, "host")))
            return not_on_fargate("host", where);
    }
    const char *driver = text_of(json_object_get(container, "logConfiguration"), "logDriver");
    if (*driver && strcmp(driver, "awslogs") != 0 && strcmp(driver, "splunk") != 0)
        return field_refuse(where, "logDriver %s is not applicable for Fargate.", driver);
    if (!*text_of(container, "executionRoleArn"))
        return field_refuse(where, "executionRoleArn is required for Fargate.");
    return check_fargate_size(container, where);
}

int container_check_platform(const json_t *container, bool fargate, const api_field_where *where)
{
    return fargate ? check_fargate(container, where) : check_ec2(container, where);
}
