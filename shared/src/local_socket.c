/* Owns the socket, its path and its thread. Clients come one after another: they are few, and know
 * each other. A client that does not read is left after a second. */
#include "local_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 1

struct local_socket {
    pthread_t thread;
    void (*answer)(int fd);
    int listen_fd, stop_fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

void local_socket_send(int fd, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void *serve(void *arg)
{
    const local_socket *s = arg;
    const struct timeval limit = { .tv_sec = TIMEOUT_S };
    for (;;) {
        struct pollfd fds[2] = { { .fd = s->listen_fd, .events = POLLIN },
                                 { .fd = s->stop_fd, .events = POLLIN } };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        if (!fds[0].revents)
            continue;
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
            s->answer(fd);
            (void)close(fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            (void)poll(&fds[1], 1, 100); /* not a busy loop while descriptors are out */
        }
    }
}

/* The services of one copy may run as different users, and one of them asks the others. */
static int give_to_owner(const char *dir, const char *path)
{
    struct stat st;
    if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
        return 0;
    return lchown(path, st.st_uid, st.st_gid);
}

static int listen_at(local_socket *s, const char *dir, ob_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, s->path, strlen(s->path) + 1);
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->listen_fd < 0 || s->stop_fd < 0)
        return ob_fail(err, errno, "%s: %s", s->path, strerror(errno));
    /* A killed predecessor leaves its socket behind. */
    if (unlink(s->path) < 0 && errno != ENOENT)
        return ob_fail(err, errno, "%s: %s", s->path, strerror(errno));
    if (bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(s->path, 0600) < 0 || give_to_owner(dir, s->path) < 0 || listen(s->listen_fd, 16) < 0)
        return ob_fail(err, errno, "%s: %s", s->path, strerror(errno));
    return 0;
}

static void socket_free(local_socket *s)
{
    if (s->listen_fd >= 0)
        (void)close(s->listen_fd);
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd);
    free(s);
}

int local_socket_start(
    const char *dir, const char *name, void (*answer)(int fd), local_socket **ret, ob_error *err)
{
    local_socket *s = ob_calloc(1, sizeof(*s));
    s->answer = answer;
    s->listen_fd = s->stop_fd = -1;
    int n = snprintf(s->path, sizeof(s->path), "%s/%s", dir, name);
    int r = n < 0 || (size_t)n >= sizeof(s->path)
                ? ob_fail(err, ENAMETOOLONG, "%s is too long for a unix socket", dir)
                : listen_at(s, dir, err);
    if (r == 0) {
        int e = pthread_create(&s->thread, NULL, serve, s);
        if (e)
            r = ob_fail(err, e, "%s: no thread: %s", s->path, strerror(e));
    }
    if (r < 0)
        socket_free(s);
    else
        *ret = s;
    return r;
}

void local_socket_stop(local_socket *s)
{
    uint64_t one = 1;
    if (!s)
        return;
    (void)!write(s->stop_fd, &one, sizeof(one));
    (void)pthread_join(s->thread, NULL);
    (void)unlink(s->path);
    socket_free(s);
}
