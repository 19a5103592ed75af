/* Starts programs. Owns each child from its start until its process has been waited for. Invariant:
 * a child is freed only by its end (or child_free), so its number cannot become another process's
 * while it may still be killed. Thread: the loop's. */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob/buf.h"

#define INPUT_MAX (256 * 1024)
#define LINE_MAX_LEN (256 * 1024)

extern char **environ;

struct child {
    child_options options;
    pid_t pid;
    int pid_fd, in_fd, out_fd; /* -1: closed */
    ob_buf line;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_output(child *c)
{
    loop_unwatch(c->options.loop, c->out_fd);
    close_fd(&c->out_fd);
}

static void forget(child *c)
{
    close_output(c);
    loop_unwatch(c->options.loop, c->pid_fd);
    close_fd(&c->pid_fd);
    close_fd(&c->in_fd);
    ob_buf_done(&c->line);
    free(c);
}

static void take(child *c, const char *data, size_t len)
{
    const char *end;
    while ((end = memchr(data, '\n', len))) {
        ob_buf_add(&c->line, data, (size_t)(end - data));
        size_t line_len = c->line.len;
        ob_buf_clear(&c->line);
        c->options.on_line(c->line.at, line_len, c->options.arg);
        len -= (size_t)(end + 1 - data);
        data = end + 1;
    }
    if (c->line.len + len <= LINE_MAX_LEN)
        ob_buf_add(&c->line, data, len);
}

static void on_output(int fd, uint32_t events, void *arg)
{
    child *c = arg;
    char data[8192];
    (void)events;
    ssize_t n = read(fd, data, sizeof(data));
    if (n > 0)
        take(c, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_output(c);
}

/* What it has printed before its end comes first. */
static void drain(child *c)
{
    char data[8192];
    ssize_t n;
    while (c->out_fd >= 0 && (n = read(c->out_fd, data, sizeof(data))) > 0)
        take(c, data, (size_t)n);
}

static void on_end(int fd, uint32_t events, void *arg)
{
    child *c = arg;
    int status = 0;
    (void)fd, (void)events;
    drain(c);
    if (waitpid(c->pid, &status, WNOHANG) == 0)
        return;
    c->options.on_end(status, c->options.arg);
    forget(c);
}

static int spawn(child *c, int in, int out, ob_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    int r = posix_spawn(&c->pid, c->options.argv[0], &actions, &attributes,
                        (char *const *)c->options.argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return r ? ob_fail(err, r, "%s: %s", c->options.argv[0], strerror(r)) : 0;
}

static int give_input(const child *c, ob_error *err)
{
    const char *input = c->options.input ? c->options.input : "";
    size_t len = strlen(input);
    (void)fcntl(c->in_fd, F_SETPIPE_SZ, INPUT_MAX);
    (void)fcntl(c->in_fd, F_SETFL, O_NONBLOCK);
    if (len > 0 && write(c->in_fd, input, len) != (ssize_t)len)
        return ob_fail(err, E2BIG, "%s: its input is too long", c->options.argv[0]);
    return 0;
}

static int watch(child *c, ob_error *err)
{
    (void)fcntl(c->out_fd, F_SETFL, O_NONBLOCK);
    int r = loop_watch(c->options.loop, c->out_fd, EPOLLIN, on_output, c, err);
    return r < 0 ? r : loop_watch(c->options.loop, c->pid_fd, EPOLLIN, on_end, c, err);
}

int child_start(const child_options *options, child **ret, ob_error *err)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    child *c = ob_calloc(1, sizeof(*c));
    *c = (child){ .options = *options, .pid_fd = -1, .in_fd = -1, .out_fd = -1 };
    int r = pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0
                ? ob_fail(err, errno, "pipe2: %s", strerror(errno))
                : 0;
    c->in_fd = in[1];
    c->out_fd = out[0];
    if (r == 0)
        r = give_input(c, err);
    if (r == 0)
        r = spawn(c, in[0], out[1], err);
    close_fd(&in[0]);
    close_fd(&out[1]);
    if (r == 0) {
        c->pid_fd = pidfd_open(c->pid, 0);
        r = c->pid_fd < 0 ? ob_fail(err, errno, "pidfd_open: %s", strerror(errno)) : watch(c, err);
    }
    c->options.argv = NULL;
    c->options.input = NULL;
    if (r < 0 && c->pid > 0)
        child_free(c);
    else if (r < 0)
        forget(c);
    else
        *ret = c;
    return r;
}

void child_close_input(child *c)
{
    close_fd(&c->in_fd);
}

void child_kill(child *c)
{
    (void)kill(-c->pid, SIGKILL);
}

void child_free(child *c)
{
    if (!c)
        return;
    child_kill(c);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    forget(c);
}
