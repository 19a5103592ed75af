/* Files of the store of images. Owns nothing. Invariant: a lock that was taken is of the file that
 * has the name now. One thread: nftw has no argument for its function. */
#include "image_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "owned.h"

#define OPEN_FOLDERS 32                  /* descriptors of one walk */
#define FILE_MAX_BYTES (4 * 1024 * 1024) /* registries limit a configuration to that */

static bool is_in_place(int fd, const char *path)
{
    struct stat held, there;
    return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino &&
           held.st_dev == there.st_dev;
}

int image_files_lock(const char *path, int how, bool make)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        if (fd < 0)
            return -errno;
        int r;
        do
            r = flock(fd, how) < 0 ? -errno : 0;
        while (r == -EINTR);
        if (r == 0 && is_in_place(fd, path))
            return fd;
        (void)close(fd);
        if (r < 0)
            return r;
    }
}

int image_files_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    return fd;
}

json_t *image_files_json(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    json_t *out = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= FILE_MAX_BYTES) {
        ob_cleanup(ob_freep) char *text = ob_calloc(1, (size_t)st.st_size + 1);
        ssize_t n = read(fd, text, (size_t)st.st_size);
        out = ob_json_read(text, n > 0 ? (size_t)n : 0);
    }
    if (fd >= 0)
        (void)close(fd);
    return out;
}

int image_files_link(const char *target, const char *path, ob_error *err)
{
    return symlink(target, path) < 0 ? ob_fail(err, errno, "%s: %s", path, strerror(errno)) : 0;
}

int image_files_move(ob_point point, const char *from, const char *to, ob_error *err)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    if (rename(from, to) < 0)
        return ob_fail(err, errno, "%s: %s", to, strerror(errno));
    ob_point_pass(point, OB_POINT_AFTER);
    return 0;
}

void image_files_delete(ob_point point, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    ob_cleanup(ob_freep) char *folder = ob_text_dup(path, (size_t)(name - path));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        ob_point_pass(point, OB_POINT_BEFORE);
        (void)owned_remove(fd, name); /* what stays is tried again by the next sweep */
        ob_point_pass(point, OB_POINT_AFTER);
    }
    if (fd >= 0)
        (void)close(fd);
}

static int64_t walked_bytes;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path, (void)at;
    if (type != FTW_NS)
        walked_bytes +=
            (int64_t)st->st_blocks * 512 / (S_ISDIR(st->st_mode) ? 1 : (int64_t)st->st_nlink);
    return 0;
}

int64_t image_files_bytes(const char *path)
{
    walked_bytes = 0;
    (void)nftw(path, count_one, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT);
    return walked_bytes;
}
