/* Signals of every service. Owns the handlers and the stop eventfd. The handler only sets a flag
 * and the eventfd; loops check either. Start-up code; the handler runs in any thread. */
#include "ob/service.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ob/log.h"
#include "service_internal.h"

atomic_bool ob_service_stopping;

static atomic_bool hung_up, to_end; /* SIGHUP has come; SIGTERM or SIGINT has */
static int stop_fd = -1;
static char service_name[64] = "openbatch";

static void on_stop(int signal_number)
{
    int saved_errno = errno;
    uint64_t one = 1;
    atomic_store(signal_number == SIGHUP ? &hung_up : &to_end, true);
    atomic_store(&ob_service_stopping, true);
    (void)!write(stop_fd, &one, sizeof(one));
    errno = saved_errno;
}

/* A core file would hold secrets: none of our memory goes into it. No limit says that to a program
 * that takes cores through a pipe, but the filter does (core(5)). */
static int keep_out_of_cores(ob_error *err)
{
    static const char path[] = "/proc/self/coredump_filter";
    FILE *file = fopen(path, "we");
    if (!file && errno == ENOENT)
        return 0; /* a kernel without core files */
    bool ok = file && fputs("0", file) >= 0;
    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0 : ob_fail(err, EIO, "%s: %s", path, strerror(errno));
}

int ob_service_init(const char *name, const char *log_level, ob_error *err)
{
    ob_log_level level = OB_LOG_INFO;
    if (log_level && ob_log_level_parse(log_level, &level) < 0)
        return ob_fail(err, EINVAL, "log level must be debug, info, warn or error, not \"%s\"",
                       log_level);
    (void)snprintf(service_name, sizeof(service_name), "%s", name);
    ob_log_init(name, level);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }); /* a core file would have its keys */

    if (stop_fd < 0)
        stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0)
        return ob_fail(err, errno, "eventfd: %s", strerror(errno));

    struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigemptyset(&stop.sa_mask);
    (void)sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGTERM, &stop, NULL) < 0 || sigaction(SIGINT, &stop, NULL) < 0 ||
        sigaction(SIGHUP, &stop, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
        return ob_fail(err, errno, "sigaction: %s", strerror(errno));
    return keep_out_of_cores(err);
}

bool ob_service_again(void)
{
    return atomic_load(&hung_up) && !atomic_load(&to_end);
}

bool ob_service_exec(void)
{
    struct sigaction end = { .sa_handler = SIG_DFL };
    (void)sigemptyset(&end.sa_mask);
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGINT, &end, NULL);
    return ob_service_again();
}

static bool same_name(const char *setting, const char *other)
{
    size_t len = other ? strcspn(other, "=") + 1 : 0;
    return other && strncmp(setting, other, len) == 0;
}

char **ob_service_environment(const char *one, const char *other)
{
    size_t had = 0, used = 0;
    while (environ[had])
        had++;
    char **out = ob_calloc(had + 3, sizeof(char *));
    for (size_t i = 0; i < had; i++)
        if (!same_name(environ[i], one) && !same_name(environ[i], other))
            out[used++] = environ[i];
    if (one)
        out[used++] = (char *)(uintptr_t)one;
    if (other)
        out[used++] = (char *)(uintptr_t)other;
    return out;
}

int ob_service_stop_fd(void)
{
    return stop_fd;
}

void ob_service_wait(int fd, int timeout_ms)
{
    struct pollfd fds[] = {
        { .fd = stop_fd, .events = POLLIN },
        { .fd = fd, .events = POLLIN },
    };
    char drained[256];
    if (poll(fds, 2, timeout_ms) > 0 && (fds[1].revents & POLLIN))
        (void)!read(fd, drained, sizeof(drained));
}

const char *service_name_get(void)
{
    return service_name;
}
