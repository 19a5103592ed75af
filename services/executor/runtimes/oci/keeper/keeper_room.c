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

#include "keeper_tree.h"

#define OPTIONS_MAX 4096 /* the kernel takes one page */

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
                       "lowerdir=%s,upperdir=" ROOM_UPPER ",workdir=" ROOM_WORK "%s", path,
                       more[i]);
        if (mount("overlay", ROOM_ROOT, "overlay", 0, options) == 0)
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
    return make_folder(ROOM_UPPER, 0755, why, size) && make_folder(ROOM_WORK, 0755, why, size) &&
           (chmod(ROOM_UPPER, at.st_mode & 07777) == 0 || failed(ROOM_UPPER, why, size)) &&
           (chown(ROOM_UPPER, at.st_uid, at.st_gid) == 0 || failed(ROOM_UPPER, why, size)) &&
           mount_overlay(lower, why, size);
}

/* crun wants its root to be a mount, too. */
static bool make_copy(const char *lower, char *why, size_t size)
{
    if (!make_folder(ROOM_UPPER, 0755, why, size))
        return false;
    if (!keeper_tree_copy(lower, ROOM_UPPER)) {
        (void)snprintf(why, size, "cannot copy the image's root");
        return false;
    }
    return mount(ROOM_UPPER, ROOM_ROOT, NULL, MS_BIND, NULL) == 0 || failed(ROOM_ROOT, why, size);
}

static bool hide_v2(char *why, size_t size)
{
    return make_folder(ROOM "/v2", 0755, why, size) &&
           (mount(ROOM "/v2", "/sys/fs/cgroup/unified", NULL, MS_BIND, NULL) == 0 ||
            failed("cannot hide cgroup v2", why, size));
}

bool keeper_room_make(const keeper_room *room, char *why, size_t size)
{
    if (unshare(CLONE_NEWNS) < 0)
        return failed("cannot make a mount namespace", why, size);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return failed("cannot make mounts private", why, size);
    if (!make_folder(ROOM, 0700, why, size))
        return false;
    if (mount("none", ROOM, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=700") < 0)
        return failed(ROOM, why, size);
    if ((room->hide_v2 && !hide_v2(why, size)) || !make_folder(ROOM_ROOT, 0755, why, size))
        return false;
    return room->copy ? make_copy(room->lower, why, size) : make_overlay(room->lower, why, size);
}

void keeper_room_clear(void)
{
    (void)umount2(ROOM_ROOT, MNT_DETACH);
    keeper_tree_remove(ROOM_UPPER);
    keeper_tree_remove(ROOM_WORK);
    (void)umount2(ROOM, MNT_DETACH);
    (void)rmdir(ROOM);
}
