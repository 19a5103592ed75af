/* Looks at device files. Owns nothing. Thread: the loop's. */
#include "oci_devices.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

#define DEPTH_MAX 8

/* Parts of /dev that each container has of its own. */
static bool is_own(const char *name)
{
    static const char *const names[] = { "pts",  "shm",   "fd",     "mqueue", "ptmx", "console",
                                         "null", "zero",  "full",   "random", "tty",  "urandom",
                                         "core", "stdin", "stdout", "stderr", "init" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_device(const struct stat *at)
{
    return S_ISCHR(at->st_mode) || S_ISBLK(at->st_mode);
}

static void add(json_t *list, const char *path, const struct stat *at, const char *access)
{
    (void)json_array_append_new(
        list, json_pack("{s:o, s:o, s:I, s:I, s:i, s:I, s:I, s:o}", "path", ob_json_text(path),
                        "type", ob_json_text(S_ISBLK(at->st_mode) ? "b" : "c"), "major",
                        (json_int_t)major(at->st_rdev), "minor", (json_int_t)minor(at->st_rdev),
                        "fileMode", (int)(at->st_mode & 0777), "uid", (json_int_t)at->st_uid, "gid",
                        (json_int_t)at->st_gid, "access", ob_json_text(access)));
}

static void add_folder(
    json_t *list, const char *from, const char *to, const char *access, bool skip_own, int depth)
{
    DIR *dir = depth > 0 ? opendir(from) : NULL;
    const struct dirent *entry;
    struct stat at;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || (skip_own && is_own(entry->d_name)))
            continue;
        ob_cleanup(ob_freep) char *source = ob_strf("%s/%s", from, entry->d_name);
        ob_cleanup(ob_freep) char *target = ob_strf("%s/%s", to, entry->d_name);
        if (lstat(source, &at) < 0)
            continue;
        if (S_ISDIR(at.st_mode))
            add_folder(list, source, target, access, false, depth - 1);
        else if (is_device(&at))
            add(list, target, &at, access);
    }
    if (dir)
        (void)closedir(dir);
}

static void read_access(const json_t *device, char access[4])
{
    static const char *const names[] = { "READ", "WRITE", "MKNOD" };
    size_t n = 0, i;
    const json_t *item;
    for (size_t k = 0; k < ARRAY_SIZE(names); k++)
        json_array_foreach(json_object_get(device, "permissions"), i, item)
        {
            const char *text = json_string_value(item);
            if (text && strcmp(text, names[k]) == 0) {
                access[n++] = "rwm"[k];
                break;
            }
        }
    access[n] = '\0';
    if (n == 0)
        (void)snprintf(access, 4, "rwm");
}

static int add_device(const json_t *device, json_t *list, ob_error *err)
{
    const char *from = ob_json_str(device, "hostPath", "");
    const char *to = ob_json_str(device, "containerPath", from);
    char access[4];
    struct stat at;
    read_access(device, access);
    if (stat(from, &at) < 0)
        return ob_fail(err, EINVAL,
                       "error gathering device information while adding custom device \"%s\": %s",
                       ob_cut(from, 200), strerror(errno));
    if (S_ISDIR(at.st_mode))
        add_folder(list, from, to, access, false, DEPTH_MAX);
    else if (is_device(&at))
        add(list, to, &at, access);
    else
        return ob_fail(err, EINVAL,
                       "error gathering device information while adding custom device \"%s\": not "
                       "a device node",
                       ob_cut(from, 200));
    return 0;
}

int oci_devices_find(const json_t *container, json_t **ret, ob_error *err)
{
    json_auto_t *list = json_array();
    size_t i;
    const json_t *device;
    if (ob_json_bool(container, "privileged", false))
        add_folder(list, "/dev", "/dev", "rwm", true, DEPTH_MAX);
    json_array_foreach(json_object_get(json_object_get(container, "linuxParameters"), "devices"), i,
                       device)
    {
        int r = add_device(device, list, err);
        if (r < 0)
            return r;
    }
    *ret = ob_take(list);
    return 0;
}
