/* Runs a command many times, some at once, without a shell between, and prints how long that took:
 * the fastest client that programs of a command line can have. Its output is dropped.
 *
 * usage: spawn COUNT PARALLEL COMMAND [ARGUMENT]... */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    long count = argc > 3 ? atol(argv[1]) : 0, parallel = argc > 3 ? atol(argv[2]) : 0;
    long begun = 0, ended = 0, failed = 0;
    posix_spawn_file_actions_t files;
    struct rusage used;
    if (count < 1 || parallel < 1) {
        (void)fprintf(stderr, "usage: spawn COUNT PARALLEL COMMAND [ARGUMENT]...\n");
        return 2;
    }
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    double from = now_s();
    while (ended < count) {
        if (begun < count && begun - ended < parallel) {
            pid_t pid;
            int r = posix_spawnp(&pid, argv[3], &files, NULL, argv + 3, environ);
            if (r != 0) {
                errno = r;
                perror(argv[3]);
                return 1;
            }
            begun++;
            continue;
        }
        int status = 0;
        if (wait(&status) < 0)
            return 1;
        ended++;
        failed += status != 0;
    }
    double seconds = now_s() - from;
    (void)posix_spawn_file_actions_destroy(&files);
    (void)getrusage(RUSAGE_CHILDREN, &used);
    (void)printf("{\"count\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"perSecond\": %.1f, "
                 "\"cpuUs\": %.0f}\n",
                 count, failed, seconds, (double)count / seconds,
                 (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    return failed ? 1 : 0;
}
