/* Reads what a container has used from its control group. The engine removes the group before it
 * says that the container has ended. So the group is read when the container's first process ends,
 * which the kernel says at once; the engine needs longer for the removal. Where the engine was
 * faster, or its groups are not to be seen from here, nothing is known: a figure from before the
 * end would be too small. Owns the descriptor that waits for the process. Thread: the loop's. */
#include "docker_use.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* Where engines put the groups of containers: with their own driver, and with systemd's. */
static const struct {
    const char *before, *after;
} places[] = { { "/docker/", "" }, { "/system.slice/docker-", ".scope" } };

/* New; NULL: it is not to be seen. */
static char *find_group(const container *c, int *ret_pid)
{
    if (!c->id || !*c->id || strspn(c->id, "0123456789abcdef") != strlen(c->id))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        ob_cleanup(ob_freep) char *group =
            ob_strf("%s%s%s", places[i].before, c->id, places[i].after);
        *ret_pid = group_use_process(GROUP_USE_ROOT, group);
        if (*ret_pid >= 0)
            return ob_take(group);
    }
    return NULL;
}

/* All other processes of the container have ended before its first one. */
static void on_end_of_process(int fd, uint32_t events, void *arg)
{
    container *c = arg;
    (void)fd;
    (void)events;
    c->use = group_use_read(GROUP_USE_ROOT, c->use_group);
    docker_use_end(c);
}

static bool wait_for(container *c, int pid)
{
    int fd = pid > 0 ? pidfd_open((pid_t)pid, 0) : -1;
    if (fd < 0)
        return false;
    if (loop_watch(c->d->base.config.loop, fd, EPOLLIN, on_end_of_process, c, NULL) < 0) {
        (void)close(fd);
        return false;
    }
    c->use_fd = fd;
    return true;
}

void docker_use_begin(container *c)
{
    int listed = 0;
    if (c->use_group || !(c->use_group = find_group(c, &listed)))
        return;
    /* Just after its start no other process can be listed before the first one. */
    int pid = c->pid > 0 ? c->pid : listed;
    if (pid == 0 || (!wait_for(c, pid) && errno == ESRCH)) /* it has ended */
        c->use = group_use_read(GROUP_USE_ROOT, c->use_group);
}

void docker_use_end(container *c)
{
    if (c->use_fd > 0) {
        loop_unwatch(c->d->base.config.loop, c->use_fd);
        (void)close(c->use_fd);
        c->use_fd = 0;
    }
    free(c->use_group);
    c->use_group = NULL;
}
