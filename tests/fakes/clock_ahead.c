/* Preloaded into a program: its wall clock is ahead by the seconds in the file named by
 * OB_TEST_CLOCK; where there is one with the program's name behind it (ahead.openbatch-api), by
 * those in that. Other clocks are unchanged. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int open_file(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

static long ahead_s(void)
{
    char text[24] = "", own[512];
    const char *path = getenv("OB_TEST_CLOCK");
    int before = errno;
    if (!path)
        return 0;
    (void)snprintf(own, sizeof(own), "%s.%s", path, program_invocation_short_name);
    int fd = open_file(own);
    if (fd < 0)
        fd = open_file(path);
    long n = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)syscall(SYS_close, fd);
    errno = before;
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ts);
    if (r == 0 && clock == CLOCK_REALTIME)
        ts->tv_sec += ahead_s();
    return r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    int r = clock_gettime(CLOCK_REALTIME, &ts);
    (void)zone;
    *tv = (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
    return r;
}

time_t time(time_t *ret)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}
