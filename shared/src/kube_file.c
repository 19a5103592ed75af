/* See kube_file.h. Owns nothing. */
#include "kube_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob/buf.h"

static int read_all(int fd, ob_buf *to, const char *path, ob_error *err)
{
    char part[8192];
    ssize_t n;
    ob_buf_add(to, "", 0);
    while ((n = read(fd, part, sizeof(part))) > 0) {
        if (to->len + (size_t)n > KUBE_FILE_MAX)
            return ob_fail(err, EINVAL, "%s: the file is longer than %u bytes", path,
                           KUBE_FILE_MAX);
        ob_buf_add(to, part, (size_t)n);
    }
    return n < 0 ? ob_fail_retry(err, EIO, "%s: %s", path, strerror(errno)) : 0;
}

static int read_regular(int fd, ob_buf *to, const char *path, ob_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ob_fail_retry(err, EIO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return ob_fail(err, EINVAL, "%s: not a regular file", path);
    return read_all(fd, to, path, err);
}

int kube_file_read(const char *path, char **ret, size_t *ret_len, ob_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ob_fail(err, ENOENT, "%s: there is no such file", path);
    if (fd < 0)
        return ob_fail_retry(err, EIO, "%s: %s", path, strerror(errno));
    ob_buf text = { 0 };
    int r = read_regular(fd, &text, path, err);
    (void)close(fd);
    if (r < 0) {
        ob_buf_done(&text);
        return r;
    }
    *ret = text.at;
    *ret_len = text.len;
    return 0;
}
