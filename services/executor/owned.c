/* Marks and removal. Owns nothing. A tree that is deeper than DEPTH_MAX is made flat on the way:
 * its deepest folders move to its top, so depth costs neither descriptors nor stack. Any thread. */
#include "owned.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define OWNER_MAX 256

bool owned_is_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int owned_open(int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return fd;
}

/* ---- marks ---- */

bool owned_is_marked(int dir_fd, const char *mark, const char *owner)
{
    char text[OWNER_MAX];
    struct stat at;
    if (fstatat(dir_fd, mark, &at, AT_SYMLINK_NOFOLLOW) < 0 || at.st_uid != geteuid())
        return false;
    ssize_t n = readlinkat(dir_fd, mark, text, sizeof(text));
    return n >= 0 && (size_t)n == strlen(owner) && memcmp(text, owner, (size_t)n) == 0;
}

/* Of the folder; it has a place of its own in it. */
static DIR *list(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        (void)close(fd);
    return dir;
}

static const struct dirent *next_entry(DIR *dir)
{
    const struct dirent *entry;
    do
        entry = readdir(dir);
    while (entry && !owned_is_name(entry->d_name));
    return entry;
}

bool owned_is_empty(int dir_fd)
{
    DIR *dir = list(dir_fd);
    const struct dirent *entry = NULL;
    bool is_empty = dir;
    while (is_empty && (entry = next_entry(dir)))
        is_empty = strcmp(entry->d_name, "lost+found") == 0;
    if (dir)
        (void)closedir(dir);
    return is_empty;
}

int owned_mark(int dir_fd, const char *mark, const char *owner)
{
    if (owned_is_marked(dir_fd, mark, owner))
        return 0;
    bool is_empty = owned_is_empty(dir_fd);
    if (is_empty && symlinkat(owner, dir_fd, mark) < 0 && errno != EEXIST)
        return -errno;
    /* Another process may have been faster. */
    return owned_is_marked(dir_fd, mark, owner) ? 0 : -ENOTEMPTY;
}

/* ---- removal ---- */

typedef struct removal {
    int top;
    unsigned moved; /* in this pass */
    unsigned serial;
} removal;

static int enter(int dir_fd, const char *name)
{
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
}

static bool move_up(removal *r, int dir_fd, const char *name)
{
    char to[32];
    int moved;
    do {
        (void)snprintf(to, sizeof(to), "deep-%u", r->serial++);
        moved = renameat2(dir_fd, name, r->top, to, RENAME_NOREPLACE);
    } while (moved < 0 && errno == EEXIST);
    r->moved += moved == 0 ? 1 : 0;
    return moved == 0;
}

static bool empty(removal *r, int dir_fd, int depth);

static bool remove_entry(removal *r, int dir_fd, const char *name, int depth)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
        return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return false;
    if (depth == 0)
        return move_up(r, dir_fd, name);
    int fd = enter(dir_fd, name);
    bool ok = fd >= 0 && empty(r, fd, depth - 1) && unlinkat(dir_fd, name, AT_REMOVEDIR) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static bool empty(removal *r, int dir_fd, int depth)
{
    DIR *dir = list(dir_fd);
    const struct dirent *entry;
    bool ok = dir;
    while (dir && (entry = next_entry(dir)))
        ok &= remove_entry(r, dir_fd, entry->d_name, depth);
    if (dir)
        (void)closedir(dir);
    return ok;
}

bool owned_remove(int dir_fd, const char *name)
{
    removal r = { .top = -1 };
    bool ok;
    if (!owned_is_name(name))
        return false;
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    r.top = enter(dir_fd, name);
    if (r.top < 0)
        return false;
    do {
        r.moved = 0;
        ok = empty(&r, r.top, DEPTH_MAX);
    } while (r.moved > 0);
    (void)close(r.top);
    return ok && unlinkat(dir_fd, name, AT_REMOVEDIR) == 0;
}
