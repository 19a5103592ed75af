/* The table of what a container may request from its host, with the action for each. Owns nothing.
 * Pure: any thread. */
#include "access_container.h"

#include <string.h>

#include "ob/host_path.h"
#include "ob/message.h"
#include "ob/permit.h"

static bool is_privileged(const json_t *container)
{
    return ob_permit_asked(OB_PERMIT_PRIVILEGED, container);
}

static bool mounts_host(const json_t *container)
{
    return ob_permit_asked(OB_PERMIT_HOST_MOUNTS, container);
}

/* As devices, or as a folder that contains devices. */
static bool uses_devices(const json_t *container)
{
    size_t i;
    const json_t *volume;
    if (ob_permit_asked(OB_PERMIT_DEVICES, container))
        return true;
    json_array_foreach(json_object_get(container, "volumes"), i, volume)
    {
        const char *path = ob_json_str(json_object_get(volume, "host"), "sourcePath", "");
        if (*path == '/' && ob_host_path_in(path, "/dev") && !ob_host_path_in(path, "/dev/shm"))
            return true;
    }
    return false;
}

/* All drivers except those whose output stays with the engine and with us: they make the engine
 * connect to the place that their options name, read files of the host, or write to its journal. */
static bool uses_log_driver(const json_t *container)
{
    const char *driver =
        ob_json_str(json_object_get(container, "logConfiguration"), "logDriver", "awslogs");
    return strcmp(driver, "awslogs") != 0 && strcmp(driver, "json-file") != 0;
}

static const struct {
    const char *action;
    bool (*asks)(const json_t *container);
} table[] = {
    { "openbatch:RunPrivileged", is_privileged },
    { "openbatch:MountHost", mounts_host },
    { "openbatch:UseDevices", uses_devices },
    { "openbatch:UseLogDriver", uses_log_driver },
};

size_t access_container_actions(const json_t *container, const char **ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(table) && n < max; i++)
        if (table[i].asks(container))
            ret[n++] = table[i].action;
    return n;
}
