/* A start that is interrupted inside the engine leaves processes that the engine does not know: the
 * container's own, found by their control group, and its keeper (containerd-shim), found by its
 * command line. They show what happened:
 *
 * - runc makes the container's first process, which waits, still as runc's program, until it may
 * become the job's command. It is stopped, examined, and killed while stopped: if it is still
 * runc's program, it has never been the command.
 *
 * - The keeper's working directory is the bundle. runc writes init.pid there when that process is
 * ready. The command is started after that, so without init.pid it was not.
 *
 * - If nothing is left, not even a control group, while dockerd is the one that was asked and its
 * containerd is dead, then there was nothing: every process that could have removed anything is
 * dead. This is visible only if dockerd's files are ours: a container does not see the others'
 * groups.
 *
 * Nothing else is proof: a later dockerd or containerd deletes what it finds. Owns nothing. Thread:
 * the loop's (reads /proc once, in this rare case; waits a moment for what it stops). */
#include "docker_leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docker_born.h"

#define ID_LEN 64 /* another text, or one of other digits, is not an id to search for */
#define STOP_TRIES 100
#define STOP_TRY_US 1000
#define WALK_TRIES 100

typedef struct search {
    const char *id;
    bool keeper, init, job; /* what was seen */
    bool prepared;          /* runc had made the first process */
} search;

static bool read_file(const char *pid, const char *name, char *out, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, name); /* ASCII */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    (void)close(fd);
    for (ssize_t i = 0; i < n; i++)
        out[i] = out[i] ? out[i] : ' '; /* between arguments */
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool is_runc(const char *name)
{
    return strncmp(name, "runc:[", 6) == 0;
}

/* True: it is stopped or dead. */
static bool hold(const char *pid, int fd)
{
    char text[512];
    (void)pidfd_send_signal(fd, SIGSTOP, NULL, 0);
    for (int i = 0; i < STOP_TRIES && read_file(pid, "stat", text, sizeof(text)); i++) {
        const char *end = strrchr(text, ')');
        if (end && strlen(end) > 2 && strchr("TtZX", end[2]))
            return true;
        (void)usleep(STOP_TRY_US);
    }
    return false;
}

static void look_keeper(search *s, const char *pid)
{
    char text[64];
    s->keeper = true;
    bool is_bundle = read_file(pid, "cwd/config.json", text, sizeof(text));
    s->prepared |= !is_bundle || read_file(pid, "cwd/init.pid", text, sizeof(text));
}

/* Looks at one process; true: it belongs to the container. */
static bool look(search *s, const char *pid, int fd)
{
    char name[64], text[4096];
    if (!read_file(pid, "comm", name, sizeof(name)))
        return false;
    if (strncmp(name, "containerd-shim", 15) == 0 || strcmp(name, "runc\n") == 0) {
        if (!read_file(pid, "cmdline", text, sizeof(text)) || !strstr(text, s->id))
            return false;
        if (name[0] == 'c')
            look_keeper(s, pid);
        return true;
    }
    if (!read_file(pid, "cgroup", text, sizeof(text)) || !strstr(text, s->id))
        return false;
    if (hold(pid, fd) && read_file(pid, "comm", name, sizeof(name)) && is_runc(name))
        s->init = true;
    else
        s->job = true;
    return true;
}

static _Thread_local const char *group_id;

static int is_its_group(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return type != FTW_F && strstr(path + at->base, group_id) ? 1 : 0;
}

bool docker_leftover_group(const char *root, const char *id)
{
    int r = -1;
    group_id = id;
    /* Another container's group that goes just now breaks the walk off: it says nothing of this
     * one's. */
    for (int i = 0; i < WALK_TRIES; i++) {
        r = nftw(root, is_its_group, 32, FTW_PHYS);
        if (r >= 0 || (errno != ENOENT && errno != ENODEV))
            break;
    }
    return r != 0;
}

static bool is_containerd_dead(const char *host)
{
    docker_birth birth = docker_born(host);
    return birth.dockerd_ms && !birth.containerd_ms && birth.same_view;
}

/* Looking again after seconds would not do: a new containerd can come, throw things away, and go.
 * For the same reason it is looked for before and after the search. */
static bool is_nothing_thrown_away(const char *id, const char *stayed)
{
    return is_containerd_dead(stayed) && !docker_leftover_group("/sys/fs/cgroup", id) &&
           is_containerd_dead(stayed);
}

leftover docker_leftover_end(const char *id, const char *stayed)
{
    search s = { .id = id };
    if (strlen(id) != ID_LEN || strspn(id, "0123456789abcdef") != strlen(id))
        return LEFTOVER_MAY_HAVE_BEGUN;
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        /* Held before it is examined, so that the pid cannot be reused by another process. */
        int fd = pidfd_open((pid_t)atoi(entry->d_name), 0);
        if (fd < 0)
            continue;
        if (look(&s, entry->d_name, fd))
            (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
        (void)close(fd);
    }
    if (dir)
        (void)closedir(dir);
    if (s.job)
        return LEFTOVER_BEGUN;
    if (s.init || (s.keeper && !s.prepared))
        return LEFTOVER_NOT_BEGUN;
    bool is_proven = !s.keeper && stayed && is_nothing_thrown_away(id, stayed);
    return is_proven ? LEFTOVER_NOT_BEGUN : LEFTOVER_MAY_HAVE_BEGUN;
}
