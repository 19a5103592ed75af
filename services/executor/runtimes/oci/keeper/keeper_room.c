/* Mounts. Owns the mount namespace of this process. The overlay is "volatile" where the kernel has
 * that (5.10): what a container writes into its root ends with it, so nothing of it need be on the
 * disk. */
#include "keeper_room.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci_words.h"
#include "keeper_tree.h"
#include "owned.h"

#define OPTIONS_MAX 4096 /* the kernel takes one page */
#define UPPER OCI_ROOM "/upper"
#define WORK OCI_ROOM "/work"
#define NO_IMAGE OCI_ROOM "/lower"

static bool is_apart; /* this process has a mount namespace of its own */

static bool failed(const char *what, char *why, size_t size)
{
    (void)snprintf(why, size, "%s: %s", what, strerror(errno));
    return false;
}

/* Colons, commas and backslashes have a meaning in an overlay's options. */
static bool escape(const char *path, char *out, size_t size)
{
    for (; *path && size > 2; path++, size--) {
        if (strchr(":,\\", *path)) {
            *out++ = '\\';
            size--;
        }
        *out++ = *path;
    }
    *out = '\0';
    return !*path;
}

static bool mount_overlay(const char *lower, char *why, size_t size)
{
    char path[OPTIONS_MAX / 2], options[OPTIONS_MAX];
    if (!escape(lower, path, sizeof(path))) {
        errno = ENAMETOOLONG;
        return failed("the image's root", why, size);
    }
    static const char *const more[] = { ",volatile", "" };
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(options, sizeof(options),
                       "lowerdir=%s,upperdir=" UPPER ",workdir=" WORK "%s", path, more[i]);
        if (mount("overlay", OCI_ROOT_FOLDER, "overlay", 0, options) == 0)
            return true;
        if (errno != EINVAL)
            break;
    }
    return failed("cannot mount an overlay", why, size);
}

static bool make_folder(const char *name, mode_t mode, char *why, size_t size)
{
    return mkdir(name, mode) == 0 || errno == EEXIST || failed(name, why, size);
}

/* The upper folder's mode is the mode of the container's root. */
static bool make_overlay(const char *lower, char *why, size_t size)
{
    struct stat at;
    if (stat(lower, &at) < 0)
        return failed("the image's root", why, size);
    return make_folder(UPPER, 0755, why, size) && make_folder(WORK, 0755, why, size) &&
           (chmod(UPPER, at.st_mode & 07777) == 0 || failed(UPPER, why, size)) &&
           (chown(UPPER, at.st_uid, at.st_gid) == 0 || failed(UPPER, why, size)) &&
           mount_overlay(lower, why, size);
}

/* crun wants its root to be a mount, too. */
static bool make_copy(const char *lower, char *why, size_t size)
{
    if (!make_folder(UPPER, 0755, why, size))
        return false;
    if (!keeper_tree_copy(lower, UPPER)) {
        (void)snprintf(why, size, "cannot copy the image's root");
        return false;
    }
    return mount(UPPER, OCI_ROOT_FOLDER, NULL, MS_BIND, NULL) == 0 ||
           failed(OCI_ROOT_FOLDER, why, size);
}

static bool hide_v2(char *why, size_t size)
{
    return make_folder(OCI_MEMORY "/v2", 0755, why, size) &&
           (mount(OCI_MEMORY "/v2", "/sys/fs/cgroup/unified", NULL, MS_BIND, NULL) == 0 ||
            failed("cannot hide cgroup v2", why, size));
}

/* What the mounts are for: from here on nobody else sees what this process mounts. */
static bool part(char *why, size_t size)
{
    if (unshare(CLONE_NEWNS) < 0)
        return failed("cannot make a mount namespace", why, size);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return failed("cannot make mounts private", why, size);
    is_apart = true;
    return true;
}

bool keeper_room_make(const keeper_room *room, char *why, size_t size)
{
    if (mkdir(OCI_ROOM, 0711) < 0)
        return failed(OCI_ROOM, why, size);
    if (!part(why, size) || !make_folder(OCI_MEMORY, 0700, why, size))
        return false;
    if (mount("none", OCI_MEMORY, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=700") < 0)
        return failed(OCI_MEMORY, why, size);
    if ((room->hide_v2 && !hide_v2(why, size)) || !make_folder(OCI_ROOT_FOLDER, 0755, why, size))
        return false;
    if (!room->lower && !make_folder(NO_IMAGE, 0755, why, size))
        return false;
    const char *lower = room->lower ? room->lower : NO_IMAGE;
    return room->copy ? make_copy(lower, why, size) : make_overlay(lower, why, size);
}

bool keeper_room_clear(int fd)
{
    if (is_apart) {
        (void)umount2(OCI_ROOT_FOLDER, MNT_DETACH | UMOUNT_NOFOLLOW);
        (void)umount2(OCI_MEMORY, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    return owned_remove(fd, OCI_ROOM);
}
