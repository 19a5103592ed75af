/* What containerProperties must hold beside types and limits (AWS Batch API reference,
 * "ContainerProperties"): resources given once, volumes and mount points that fit each other,
 * names. Changes nothing. Pure: any thread. */
#include "container_check.h"

#include <ctype.h>
#include <string.h>

#define VOLUME_NAME_MAX 255

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* A whole number without sign or leading zero. */
static bool is_whole(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n >= 1 && n <= 9 && text[n] == '\0' && text[0] != '0';
}

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
        if (!is_whole(value))
            return field_refuse(
                where,
                "Value %.60s for type %s in resourceRequirement is not valid. Please provide a "
                "numeric value.",
                value, type);
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
            return field_refuse(where, "%s[%zu].name may not hold an equals sign.", where->path, i);
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

static bool is_region(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n >= 1 && n <= 64 && text[n] == '\0';
}

/* Output always goes to /aws/batch/job, so an option that says just that is no contradiction. */
int check_log_configuration(json_t *configuration, const api_field_where *where)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(configuration, "options"), name, value)
    {
        const char *text = json_string_value(value);
        if ((strcmp(name, "awslogs-region") == 0 && is_region(text)) ||
            (strcmp(name, "awslogs-group") == 0 && strcmp(text, "/aws/batch/job") == 0))
            continue;
        return field_refuse(where, "%s.options.%.100s is not supported by OpenBatch yet.",
                            where->path, name);
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

static bool has_requirement(const json_t *container, const char *type)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(container, "resourceRequirements"), i, entry)
    {
        if (strcmp(text_of(entry, "type"), type) == 0)
            return true;
    }
    return false;
}

static int check_resources(const json_t *container, const api_field_where *where)
{
    static const struct {
        const char *older, *type, *missing;
    } kinds[] = { { "vcpus", "VCPU", "vCPU is not provided." },
                  { "memory", "MEMORY", "Memory is not provided." } };
    for (size_t i = 0; i < 2; i++) {
        bool older = json_object_get(container, kinds[i].older),
             newer = has_requirement(container, kinds[i].type);
        if (older && newer)
            return field_refuse(where,
                                "%s.%s and resourceRequirements of type %s cannot both be set.",
                                where->path, kinds[i].older, kinds[i].type);
        if (!older && !newer)
            return field_refuse(where, "%s", kinds[i].missing);
    }
    return 0;
}

static const json_t *find_volume(const json_t *volumes, const char *name, size_t before)
{
    for (size_t i = 0; i < before && i < json_array_size(volumes); i++)
        if (strcmp(text_of(json_array_get(volumes, i), "name"), name) == 0)
            return json_array_get(volumes, i);
    return NULL;
}

static int check_volumes(const json_t *volumes, const api_field_where *where)
{
    size_t i;
    json_t *volume;
    json_array_foreach(volumes, i, volume)
    {
        const char *name = text_of(volume, "name");
        const char *source = text_of(json_object_get(volume, "host"), "sourcePath");
        if (strlen(name) > VOLUME_NAME_MAX ||
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
                strlen(name))
            return field_refuse(where, "Volume name %.255s is not valid.", name);
        if (find_volume(volumes, name, i))
            return field_refuse(where, "Volume name %.255s is used more than once.", name);
        if (!*source)
            return field_refuse(
                where, "%s.volumes[%zu] without host.sourcePath is not supported by OpenBatch yet.",
                where->path, i);
        if (*source != '/')
            return field_refuse(where, "%s.volumes[%zu].host.sourcePath must be an absolute path.",
                                where->path, i);
    }
    return 0;
}

static int check_mounts(const json_t *container, const api_field_where *where)
{
    const json_t *volumes = json_object_get(container, "volumes");
    size_t i;
    json_t *mount;
    json_array_foreach(json_object_get(container, "mountPoints"), i, mount)
    {
        const char *volume = text_of(mount, "sourceVolume");
        if (!find_volume(volumes, volume, SIZE_MAX))
            return field_refuse(where, "Unknown volume '%.255s'.", volume);
        if (*text_of(mount, "containerPath") != '/')
            return field_refuse(where,
                                "%s.mountPoints[%zu].containerPath must be an absolute path.",
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
        r = check_mounts(container, where);
    return r;
}
