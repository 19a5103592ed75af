/* Files of attempts. Owns nothing in memory. Nothing is flushed: after a loss of power no container
 * runs, and the intent in the spool, which is flushed, tells which may have. Thread: the loop's. */
#include "oci_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/point.h"
#include "ob/text.h"
#include "oci_config.h"
#include "oci_words.h"

#define STATE_MAX 16384

static int make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0)
        return errno == EEXIST ? 0 : -errno;
    return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask is */
}

int oci_folder_path(const char *path, mode_t parents, mode_t mode, ob_error *err)
{
    ob_cleanup(ob_freep) char *copy = ob_strdup(path);
    int r = 0;
    for (char *at = strchr(copy + 1, '/'); at && r == 0; at = strchr(at + 1, '/')) {
        *at = '\0';
        r = make_one(copy, parents);
        *at = '/';
    }
    if (r == 0)
        r = make_one(copy, mode);
    return r < 0 ? ob_fail(err, -r, "%s: %s", path, strerror(-r)) : 0;
}

void oci_folder_forget(const char *runs)
{
    ob_cleanup(ob_freep) char *trial = ob_strf("%s/" OCI_TRIAL_FOLDER, runs);
    (void)unlinkat(AT_FDCWD, trial, AT_REMOVEDIR);
    (void)unlinkat(AT_FDCWD, runs, AT_REMOVEDIR);
}

void oci_folder_each(const char *runs, void (*fn)(const char *name, void *arg), void *arg)
{
    DIR *dir = opendir(runs);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            fn(entry->d_name, arg);
    if (dir)
        (void)closedir(dir);
}

static int write_file(int dir, const char *name, const char *text, size_t len, int more)
{
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | more, 0600);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, len);
    int r = n < 0 ? -errno : n == (ssize_t)len ? fd : -ENOSPC;
    if (r < 0)
        (void)close(fd);
    return r;
}

/* The descriptor of the locked state, or -errno. */
static int fill(int dir, const json_t *config, const char *boot)
{
    char line[128];
    ob_cleanup(ob_freep) char *text = json_dumps(config, JSON_COMPACT);
    if (!text)
        return -EINVAL;
    int fd = write_file(dir, "config.json", text, strlen(text), 0);
    if (fd < 0)
        return fd;
    (void)close(fd);
    int n = snprintf(line, sizeof(line), OCI_SAID_BOOT " %s\n", boot);
    fd = write_file(dir, OCI_STATE_FILE, line, (size_t)n, O_APPEND);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static void remove_files(int dir)
{
    static const char *const names[] = { "config.json", OCI_OUTPUT_FILE, OCI_STATE_FILE };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        (void)unlinkat(dir, names[i], 0);
}

int oci_folder_make(
    const char *path, const json_t *config, const char *boot, int *ret_fd, ob_error *err)
{
    ob_point_pass(OB_POINT_EXECUTOR_OCI_FOLDER, OB_POINT_BEFORE);
    int dir = -1, r = mkdir(path, 0700) < 0 ? -errno : 0;
    if (r == 0) {
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = dir < 0 ? -errno : fill(dir, config, boot);
    }
    if (r < 0 && dir >= 0)
        remove_files(dir);
    if (dir >= 0)
        (void)close(dir);
    if (r < 0) {
        (void)unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
        return ob_fail(err, -r, "%s: %s", path, strerror(-r));
    }
    ob_point_pass(OB_POINT_EXECUTOR_OCI_FOLDER, OB_POINT_AFTER);
    *ret_fd = r;
    return 0;
}

bool oci_folder_remove(const char *path)
{
    ob_point_pass(OB_POINT_EXECUTOR_OCI_FOLDER_GO, OB_POINT_BEFORE);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        remove_files(dir);
        (void)close(dir);
    }
    bool ok = unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT;
    if (ok)
        ob_point_pass(OB_POINT_EXECUTOR_OCI_FOLDER_GO, OB_POINT_AFTER);
    return ok;
}

static int open_state(const char *path, int flags)
{
    ob_cleanup(ob_freep) char *file = ob_strf("%s/" OCI_STATE_FILE, path);
    return open(file, flags | O_CLOEXEC);
}

bool oci_folder_state(const char *path, oci_state *ret)
{
    char text[STATE_MAX];
    int fd = open_state(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        (void)close(fd);
    oci_state_read(text, n > 0 ? (size_t)n : 0, ret);
    return n >= 0;
}

bool oci_folder_is_kept(const char *path)
{
    int fd = open_state(path, O_RDONLY);
    bool is_kept = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        (void)close(fd);
    return is_kept;
}
