/* Crash points: their names, and dying at one. Owns the name of the file that says where to die.
 * Never acts in a process that was not given such a file. Any thread. */
#include "ob/point.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ob/mem.h"

#define LINE_MAX_LEN 128
#define DELIVERY_MS 300

static const struct {
    const char *name, *what;
    ob_point_kind kind;
} points[OB_POINTS_END] = {
#define ROW(id, kind, name, what) [OB_POINT_##id] = { name, what, OB_POINT_##kind },
    OB_POINTS(ROW)
#undef ROW
};

ob_point_watcher ob_point_watch;

static struct {
    pthread_mutex_t lock;
    char *path;
    char line[LINE_MAX_LEN]; /* that was read last */
    unsigned long passed;    /* how often its point was passed since */
} crash = { .lock = PTHREAD_MUTEX_INITIALIZER };

const char *ob_point_name(ob_point point)
{
    return points[point].name;
}

const char *ob_point_what(ob_point point)
{
    return points[point].what;
}

ob_point_kind ob_point_kind_of(ob_point point)
{
    return points[point].kind;
}

/* Reads the file; false: there is none. */
static bool read_line(char out[LINE_MAX_LEN])
{
    int fd = open(crash.path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, LINE_MAX_LEN - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return true;
}

/* Is it this passing that the line means? Counts it. Under the lock. */
static bool is_meant(const char *line, ob_point point, ob_point_side side)
{
    char want[LINE_MAX_LEN];
    int n = snprintf(want, sizeof(want), "%s:%s", points[point].name,
                     side == OB_POINT_BEFORE ? "before" : "after");
    const char *rest = line + n;
    if (strncmp(line, want, (size_t)n) != 0 || (*rest != '\0' && *rest != ':'))
        return false;
    if (strcmp(line, crash.line) != 0) {
        (void)snprintf(crash.line, sizeof(crash.line), "%s", line);
        crash.passed = 0;
    }
    crash.passed++;
    return crash.passed >= (*rest ? strtoul(rest + 1, NULL, 10) : 1);
}

/* Only one process gets it. */
static bool take_file(void)
{
    ob_cleanup(ob_freep) char *taken = ob_strf("%s.%d", crash.path, (int)getpid());
    return rename(crash.path, taken) == 0;
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    _exit(128 + SIGKILL); /* the first process of a container cannot kill itself */
}

static void crash_here(ob_point point, ob_point_side side)
{
    char line[LINE_MAX_LEN];
    if (!read_line(line))
        return;
    (void)pthread_mutex_lock(&crash.lock);
    if (is_meant(line, point, side) && take_file()) {
        bool by_thread =
            points[point].kind == OB_POINT_MESSAGE || points[point].kind == OB_POINT_OFFSETS;
        if (side == OB_POINT_AFTER && by_thread)
            (void)nanosleep(&(struct timespec){ .tv_nsec = DELIVERY_MS * 1000000L }, NULL);
        die();
    }
    (void)pthread_mutex_unlock(&crash.lock);
}

void ob_point_arm(void)
{
    const char *path = getenv("OPENBATCH_CRASH_FILE");
    free(crash.path);
    crash.path = path && *path ? ob_strdup(path) : NULL;
    ob_point_watch = crash.path ? crash_here : NULL;
}
