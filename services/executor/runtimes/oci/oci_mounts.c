/* Mounts of a container: those that each has, the host's names, and what the job asks for. A job's
 * own mount takes the place of one that each has. Owns nothing, does no I/O. Any thread. */
#include "oci_mounts.h"

#include <stdio.h>
#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "oci_words.h"
#include "runtimes/properties.h"

#define SHM_BYTES (64LL * 1024 * 1024)

typedef struct mount_list {
    const oci_input *in;
    const json_t *container;
    json_t *volumes, *sources;
    json_t *own; /* the job's mounts */
} mount_list;

bool oci_has_init(const json_t *spec)
{
    return ob_json_bool(json_object_get(json_object_get(spec, "container"), "linuxParameters"),
                        "initProcessEnabled", false);
}

static json_t *
make_mount(const char *target, const char *type, const char *source, const char *options)
{
    json_t *list = json_array();
    ob_cleanup(ob_freep) char *copy = ob_strdup(options);
    for (char *rest = copy, *option; (option = strsep(&rest, ","));)
        if (*option)
            (void)json_array_append_new(list, ob_json_text(option));
    return json_pack("{s:o, s:o, s:o, s:o}", "destination", ob_json_text(target), "type",
                     ob_json_text(type), "source", ob_json_text(source), "options", list);
}

static void
add(json_t *list, const char *target, const char *type, const char *source, const char *options)
{
    (void)json_array_append_new(list, make_mount(target, type, source, options));
}

/* ---- the job's ---- */

/* A volume that is made for the attempt; it begins with what the image has at its first place. */
static char *own_volume(mount_list *l, const char *kind, const char *name, const char *target)
{
    ob_cleanup(ob_freep) char *safe = ob_strf("%s-%s", kind, name); /* never "." or ".." */
    for (char *p = safe; *p; p++)
        if (*p == '/' || *p == '=')
            *p = '_';
    if (!json_object_get(l->volumes, safe))
        (void)json_object_set_new(l->volumes, safe, ob_json_text(target));
    return ob_strf("%s/" OCI_VOLUMES_FOLDER "/%s", l->in->folder, safe);
}

static int add_mount_point(mount_list *l, const json_t *mount, ob_error *err)
{
    property_mount m;
    int r = property_mount_read(l->container, mount, &m, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_freep) char *made = NULL;
    if (m.path) {
        (void)json_array_append_new(l->sources, ob_json_text(m.path));
    } else {
        made = own_volume(l, "job", m.volume, m.target);
        m.path = made;
    }
    add(l->own, m.target, "bind", m.path, m.read_only ? "rbind,ro,rprivate" : "rbind,rw,rprivate");
    return 0;
}

static void add_tmpfs(mount_list *l, const json_t *tmpfs)
{
    char *options =
        ob_strf("noexec,nosuid,nodev,size=%lldm", (long long)ob_json_int(tmpfs, "size", 0));
    size_t i;
    const json_t *option;
    json_array_foreach(json_object_get(tmpfs, "mountOptions"), i, option)
    {
        char *longer = ob_strf("%s,%s", options, json_string_value(option));
        free(options);
        options = longer;
    }
    add(l->own, ob_json_str(tmpfs, "containerPath", ""), "tmpfs", "tmpfs", options);
    free(options);
}

static bool is_mounted(const json_t *list, const char *target)
{
    size_t i;
    const json_t *mount;
    json_array_foreach(list, i, mount)
    {
        if (strcmp(ob_json_str(mount, "destination", ""), target) == 0)
            return true;
    }
    return false;
}

/* The image's volumes are written in the container's own layer; they need one of their own only
 * where that cannot be written. */
static void add_image_volumes(mount_list *l)
{
    const char *target;
    json_t *value;
    if (!ob_json_bool(l->container, "readonlyRootFilesystem", false))
        return;
    json_object_foreach(json_object_get(l->in->image, "Volumes"), target, value)
    {
        if (json_object_size(l->volumes) > OCI_VOLUMES_MAX) /* an image may have any number */
            return;
        if (*target != '/' || is_mounted(l->own, target))
            continue;
        ob_cleanup(ob_freep) char *path = own_volume(l, "image", target, target);
        add(l->own, target, "bind", path, "rbind,rw,rprivate");
    }
}

static int add_own(mount_list *l, ob_error *err)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(l->container, "mountPoints"), i, item)
    {
        int r = add_mount_point(l, item, err);
        if (r < 0)
            return r;
    }
    const json_t *params = json_object_get(l->container, "linuxParameters");
    json_array_foreach(json_object_get(params, "tmpfs"), i, item) add_tmpfs(l, item);
    add_image_volumes(l);
    if (json_object_size(l->volumes) > OCI_VOLUMES_MAX)
        return ob_fail(err, EINVAL, "the container has more than %d volumes of its own",
                       OCI_VOLUMES_MAX);
    return 0;
}

/* A folder is mounted before what is inside it. */
static size_t depth_of(const json_t *mount)
{
    size_t n = 0;
    for (const char *p = ob_json_str(mount, "destination", ""); *p; p++)
        n += *p == '/' && p[1] && p[1] != '/';
    return n;
}

static void append_sorted(json_t *list, const json_t *own)
{
    size_t left = json_array_size(own);
    for (size_t depth = 0; left > 0; depth++) {
        size_t i;
        json_t *mount;
        json_array_foreach(own, i, mount)
        {
            if (depth_of(mount) != depth)
                continue;
            (void)json_array_append(list, mount);
            left--;
        }
    }
}

/* ---- each container's ---- */

static void add_usual(const mount_list *l, json_t *list)
{
    bool privileged = ob_json_bool(l->container, "privileged", false);
    int64_t shm =
        ob_json_int(json_object_get(l->container, "linuxParameters"), "sharedMemorySize", 0);
    ob_cleanup(ob_freep) char *shm_options =
        ob_strf("nosuid,noexec,nodev,mode=1777,size=%lld",
                (long long)(shm > 0 ? property_bytes((double)shm) : SHM_BYTES));
    const char *const usual[][4] = {
        { "/proc", "proc", "proc", "nosuid,noexec,nodev" },
        { "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
        { "/dev/pts", "devpts", "devpts",
          "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
        { "/sys", "sysfs", "sysfs", privileged ? "nosuid,noexec,nodev" : "nosuid,noexec,nodev,ro" },
        { "/sys/fs/cgroup", "cgroup", "cgroup",
          privileged ? "nosuid,noexec,nodev" : "ro,nosuid,noexec,nodev" },
        { "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
        { "/dev/shm", "tmpfs", "shm", shm_options },
    };
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (!is_mounted(l->own, usual[i][0]))
            add(list, usual[i][0], usual[i][1], usual[i][2], usual[i][3]);
    if (oci_has_init(l->in->spec))
        add(list, OCI_INIT_PATH, "bind", l->in->keeper, "bind,ro");
}

/* On the host's network the host's names count; the files are the container's own. */
static void add_names(const mount_list *l, json_t *list)
{
    static const char *const names[] = { "resolv.conf", "hostname", "hosts" };
    bool readonly = ob_json_bool(l->container, "readonlyRootFilesystem", false);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ob_cleanup(ob_freep) char *target = ob_strf("/etc/%s", names[i]);
        ob_cleanup(ob_freep) char *source =
            ob_strf("%s/" OCI_ETC_FOLDER "/%s", l->in->folder, names[i]);
        if (!is_mounted(l->own, target))
            add(list, target, "bind", source, readonly ? "rbind,ro,rprivate" : "rbind,rprivate");
    }
}

int oci_mounts(const oci_input *in, json_t *volumes, json_t *sources, json_t **ret, ob_error *err)
{
    json_auto_t *own = json_array();
    mount_list l = { .in = in,
                     .container = json_object_get(in->spec, "container"),
                     .volumes = volumes,
                     .sources = sources,
                     .own = own };
    int r = add_own(&l, err);
    if (r < 0)
        return r;
    *ret = json_array();
    add_usual(&l, *ret);
    add_names(&l, *ret);
    append_sorted(*ret, own);
    return 0;
}
