/* An engine that is killed between beginning a container's process and noting that leaves the
 * process and its keeper (containerd-shim) behind, unknown to the engine that follows: it says that
 * the container was created and never started, may refuse to start it ("already exists"), and
 * nobody ends the process. Processes tell what happened: they are found by their control group and
 * the keeper by its command line, which carry the container's id. The keeper stays until the engine
 * has noted the end, so without one the start had not begun; nor had it with one that has no
 * control group yet. Where no engine is to be seen among the processes (another pid namespace)
 * nothing can be ruled out. Owns nothing. Thread: the loop's (reads /proc once, in this rare case).
 */
#include "docker_leftover.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

typedef struct search {
    const char *id;
    bool engine, keeper, init, job; /* what was seen */
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

/* Looks at one process; true: it belongs to the container. */
static bool look(search *s, const char *pid)
{
    char name[64], text[4096];
    if (!read_file(pid, "comm", name, sizeof(name)))
        return false;
    s->engine |= strcmp(name, "dockerd\n") == 0;
    if (strncmp(name, "containerd-shim", 15) == 0) {
        bool is_its = read_file(pid, "cmdline", text, sizeof(text)) && strstr(text, s->id);
        s->keeper |= is_its;
        return is_its;
    }
    if (!read_file(pid, "cgroup", text, sizeof(text)) || !strstr(text, s->id))
        return false;
    if (strncmp(name, "runc:[", 6) == 0)
        s->init = true;
    else
        s->job = true;
    return true;
}

static _Thread_local const char *group_id;

static int is_its_group(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return (type == FTW_D || type == FTW_DNR) && strstr(path + at->base, group_id) ? 1 : 0;
}

/* A container's control group lives from before its first process until the engine has noted its
 * end. */
static bool has_control_group(const char *id)
{
    group_id = id;
    return nftw("/sys/fs/cgroup", is_its_group, 32, FTW_PHYS) != 0; /* also when unreadable */
}

leftover docker_leftover_end(const char *id)
{
    search s = { .id = id };
    if (strlen(id) < 32)
        return LEFTOVER_STARTED; /* no id to search for */
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        /* Held before it is looked at, so that the pid cannot pass to another process. */
        int fd = pidfd_open((pid_t)atoi(entry->d_name), 0);
        if (fd < 0)
            continue;
        if (look(&s, entry->d_name))
            (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
        (void)close(fd);
    }
    if (dir)
        (void)closedir(dir);
    if (s.job || !s.engine)
        return LEFTOVER_STARTED;
    if (s.init)
        return LEFTOVER_INIT;
    if (!s.keeper)
        return LEFTOVER_NONE;
    return has_control_group(id) ? LEFTOVER_STARTED : LEFTOVER_INIT;
}
