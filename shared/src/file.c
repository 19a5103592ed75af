/* Files that are written as a whole. Owns nothing. Invariant: the new text is complete before it
 * gets the file's name. Any thread. */
#include "ob/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_new(const char *path, mode_t mode, const char *text, bool flush)
{
    /* Whoever may write to the folder must not choose where the text goes. */
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    int r = n < 0 ? -errno : n == (ssize_t)len ? 0 : -ENOSPC;
    if (r == 0 && flush && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

int ob_file_write(
    ob_point point, const char *path, mode_t mode, const char *text, bool flush, ob_error *err)
{
    ob_cleanup(ob_freep) char *new = ob_strf("%s.new", path);
    ob_point_pass(point, OB_POINT_BEFORE);
    int r = write_new(new, mode, text, flush);
    if (r == 0 && rename(new, path) < 0)
        r = -errno;
    if (r < 0)
        return ob_fail(err, -r, "%s: %s", path, strerror(-r));
    ob_point_pass(point, OB_POINT_AFTER);
    return 0;
}

void ob_file_remove(ob_point point, const char *path)
{
    ob_point_pass(point, OB_POINT_BEFORE);
    if (unlink(path) == 0)
        ob_point_pass(point, OB_POINT_AFTER);
}
