/* Operators' permits: one table of what can be permitted, how it is recognised in a container and
 * how it is removed. Owns nothing. Pure: any thread. */
#include "ob/permit.h"

#include <stddef.h>
#include <string.h>

#include "ob/message.h"

static bool is_privileged(const json_t *container)
{
    return ob_json_bool(container, "privileged", false);
}

static void drop_privileged(json_t *container)
{
    (void)json_object_del(container, "privileged");
}

static bool is_host_volume(const json_t *volume)
{
    return *ob_json_str(json_object_get(volume, "host"), "sourcePath", "") != '\0';
}

static bool names_host_volume(const json_t *container, const json_t *mount)
{
    size_t i;
    const json_t *volume;
    json_array_foreach(json_object_get(container, "volumes"), i, volume)
    {
        if (is_host_volume(volume) &&
            strcmp(ob_json_str(volume, "name", ""), ob_json_str(mount, "sourceVolume", "")) == 0)
            return true;
    }
    return false;
}

static bool has_host_mounts(const json_t *container)
{
    size_t i;
    const json_t *mount;
    json_array_foreach(json_object_get(container, "mountPoints"), i, mount)
    {
        if (names_host_volume(container, mount))
            return true;
    }
    return false;
}

static void drop_host_mounts(json_t *container)
{
    json_t *mounts = json_object_get(container, "mountPoints");
    for (size_t i = json_array_size(mounts); i-- > 0;)
        if (names_host_volume(container, json_array_get(mounts, i)))
            (void)json_array_remove(mounts, i);
}

static bool has_devices(const json_t *container)
{
    const json_t *params = json_object_get(container, "linuxParameters");
    return json_array_size(json_object_get(params, "devices")) > 0;
}

static void drop_devices(json_t *container)
{
    (void)json_object_del(json_object_get(container, "linuxParameters"), "devices");
}

static const struct {
    const char *variable, *what;
    size_t offset;
    bool (*asks)(const json_t *container);
    void (*drop)(json_t *container);
} table[] = {
    [OB_PERMIT_PRIVILEGED] = { "OPENBATCH_PRIVILEGED", "privileged mode",
                               offsetof(ob_permits, privileged), is_privileged, drop_privileged },
    [OB_PERMIT_HOST_MOUNTS] = { "OPENBATCH_HOST_MOUNTS", "folders of the host",
                                offsetof(ob_permits, host_mounts), has_host_mounts,
                                drop_host_mounts },
    [OB_PERMIT_DEVICES] = { "OPENBATCH_DEVICES", "devices of the host",
                            offsetof(ob_permits, devices), has_devices, drop_devices },
};
#define N ARRAY_SIZE(table)

static ob_permit permit(const ob_permits *p, size_t i)
{
    return *(const ob_permit *)(const void *)((const char *)p + table[i].offset);
}

bool ob_permit_asked(ob_permit_kind kind, const json_t *container)
{
    return table[kind].asks(container);
}

int ob_permits_parse(const char *privileged,
                     const char *host_mounts,
                     const char *devices,
                     ob_permits *ret,
                     ob_error *err)
{
    static const char *const names[] = { "allow", "refuse", "drop" };
    const char *const values[N] = { privileged, host_mounts, devices };
    for (size_t i = 0; i < N; i++) {
        size_t k = 0;
        while (k < 3 && strcmp(values[i], names[k]) != 0)
            k++;
        if (k == 3)
            return ob_fail(err, EINVAL, "%s must be allow, refuse or drop, not \"%s\"",
                           table[i].variable, values[i]);
        *(ob_permit *)(void *)((char *)ret + table[i].offset) = (ob_permit)k;
    }
    return 0;
}

static int refuse(size_t i, const char *value, ob_error *err)
{
    return ob_fail(err, EPERM,
                   "Containers may not use %s: the operator of this service refuses it (%s=%s).",
                   table[i].what, table[i].variable, value);
}

int ob_permits_check(const ob_permits *p, const json_t *container, ob_error *err)
{
    for (size_t i = 0; i < N; i++)
        if (permit(p, i) == OB_PERMIT_REFUSE && table[i].asks(container))
            return refuse(i, "refuse", err);
    return 0;
}

int ob_permits_check_whole(const ob_permits *p, const json_t *container, ob_error *err)
{
    int r = ob_permits_check(p, container, err);
    for (size_t i = 0; i < N && r == 0; i++)
        if (permit(p, i) == OB_PERMIT_DROP && table[i].asks(container))
            r = refuse(i, "drop", err);
    return r;
}

char *ob_permits_note(const ob_permits *p, const json_t *container)
{
    char *note = NULL;
    for (size_t i = 0; i < N; i++) {
        if (permit(p, i) != OB_PERMIT_DROP || !table[i].asks(container))
            continue;
        char *longer = ob_strf("%s%s%s (%s=drop)", note ? note : "Ran without", note ? ", " : " ",
                               table[i].what, table[i].variable);
        free(note);
        note = longer;
    }
    return note;
}

void ob_permits_drop(const ob_permits *p, json_t *container)
{
    for (size_t i = 0; i < N; i++)
        if (permit(p, i) == OB_PERMIT_DROP)
            table[i].drop(container);
}
