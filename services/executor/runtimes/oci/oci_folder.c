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
#include "owned.h"

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

/* ---- marks ---- */

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* An attempt's folder, or that for trials. -EPERM: it is not ours. */
static int open_marked(const char *path)
{
    int fd = owned_open(AT_FDCWD, path);
    if (fd < 0 || owned_is_marked(fd, OCI_ATTEMPT_MARK, name_of(path)))
        return fd;
    (void)close(fd);
    return -EPERM;
}

static int mark(const char *path, const char *name, const char *owner)
{
    int fd = owned_open(AT_FDCWD, path);
    if (fd < 0)
        return fd;
    int r = owned_mark(fd, name, owner);
    (void)close(fd);
    return r;
}

int oci_folder_home(const char *path, char **ret, ob_error *err)
{
    int r = oci_folder_path(path, 0711, 0711, err);
    if (r < 0)
        return r;
    char *real = realpath(path, NULL);
    r = !real                    ? -errno
        : strcmp(real, "/") == 0 ? -ENOTEMPTY
                                 : mark(real, OCI_HOME_MARK, OCI_HOME_OWNER);
    if (r == 0) {
        *ret = real;
        return 0;
    }
    free(real);
    return r == -ENOTEMPTY
               ? ob_fail(err, ENOTEMPTY,
                         "OPENBATCH_OCI_HOME: %s contains other files; choose an empty directory",
                         path)
               : ob_fail(err, -r, "%s: %s", path, strerror(-r));
}

int oci_folder_trial(const char *runs, ob_error *err)
{
    ob_cleanup(ob_freep) char *trial = ob_strf("%s/" OCI_TRIAL_NAME, runs);
    int r = oci_folder_path(trial, 0711, 0700, err);
    if (r < 0)
        return r;
    r = mark(trial, OCI_ATTEMPT_MARK, OCI_TRIAL_NAME);
    return r < 0 ? ob_fail(err, -r, "%s: %s", trial, strerror(-r)) : 0;
}

static void forget_trial(const char *runs)
{
    ob_cleanup(ob_freep) char *trial = ob_strf("%s/" OCI_TRIAL_NAME, runs);
    int fd = open_marked(trial);
    if (fd >= 0) {
        (void)owned_remove(fd, OCI_ROOM);
        (void)unlinkat(fd, OCI_ATTEMPT_MARK, 0);
        (void)close(fd);
    }
    (void)unlinkat(AT_FDCWD, trial, AT_REMOVEDIR);
}

void oci_folder_forget(const char *runs)
{
    forget_trial(runs);
    (void)unlinkat(AT_FDCWD, runs, AT_REMOVEDIR);
}

/* ---- attempts ---- */

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
static int fill(int dir, const char *name, const json_t *config, const char *boot)
{
    char line[128];
    ob_cleanup(ob_freep) char *text = json_dumps(config, JSON_COMPACT);
    int r = text ? owned_mark(dir, OCI_ATTEMPT_MARK, name) : -EINVAL;
    if (r < 0)
        return r;
    int fd = write_file(dir, OCI_CONFIG_FILE, text, strlen(text), 0);
    if (fd < 0)
        return fd;
    (void)close(fd);
    int n = snprintf(line, sizeof(line), OCI_SAID_BOOT " %s\n", boot);
    fd = write_file(dir, OCI_STATE_FILE, line, (size_t)n, O_APPEND);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

/* The mark goes last: what was not removed yet is still ours. */
static void remove_files(int dir)
{
    static const char *const names[] = { OCI_CONFIG_FILE, OCI_OUTPUT_FILE, OCI_STATE_FILE,
                                         OCI_ATTEMPT_MARK };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        (void)unlinkat(dir, names[i], 0);
}

int oci_folder_make(
    const char *path, const json_t *config, const char *boot, int *ret_fd, ob_error *err)
{
    ob_point_pass(OB_POINT_EXECUTOR_OCI_FOLDER, OB_POINT_BEFORE);
    int dir = -1, r = mkdir(path, 0700) < 0 ? -errno : 0;
    bool is_new = r == 0;
    if (is_new) {
        dir = owned_open(AT_FDCWD, path);
        r = dir < 0 ? dir : fill(dir, name_of(path), config, boot);
    }
    if (r < 0 && dir >= 0)
        remove_files(dir);
    if (dir >= 0)
        (void)close(dir);
    if (r < 0) {
        if (is_new)
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
    int dir = open_marked(path);
    if (dir >= 0) {
        if (faccessat(dir, OCI_ROOM, F_OK, AT_SYMLINK_NOFOLLOW) < 0) /* else it stays whole */
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
