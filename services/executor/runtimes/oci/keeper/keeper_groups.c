/* Reads and ends control groups at their files, with the groups that a privileged container has
 * made below its own. Owns nothing. One thread: nftw has no argument for its function. */
#include "keeper_groups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#define ROOT "/sys/fs/cgroup"
#define PATH_BYTES 4096
#define KILL_TRIES 200
#define KILL_TRY_US 5000
#define OPEN_FOLDERS 16 /* descriptors of one walk */

static bool is_v2(void)
{
    struct statfs at;
    return statfs(ROOT, &at) == 0 && at.f_type == CGROUP2_SUPER_MAGIC;
}

/* What looks like a group elsewhere may have numbers of other processes in its files. */
static bool is_hierarchy(const char *path)
{
    struct statfs at;
    return statfs(path, &at) == 0 &&
           (at.f_type == CGROUP_SUPER_MAGIC || at.f_type == CGROUP2_SUPER_MAGIC);
}

static long read_number(const char *path, const char *word)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    size_t len = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += len)
        if ((at == text || at[-1] == '\n') && at[len] == ' ')
            return strtol(at + len, NULL, 10);
    return 0;
}

long keeper_groups_oom(const char *group)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path),
                   is_v2() ? ROOT "%s/memory.events" : ROOT "/memory%s/memory.oom_control", group);
    return read_number(path, "oom_kill");
}

/* Calls fn with the group's folder in each hierarchy. */
static void each(const char *group, void (*fn)(const char *path))
{
    char path[PATH_BYTES];
    if (is_v2()) {
        (void)snprintf(path, sizeof(path), ROOT "%s", group);
        fn(path);
        return;
    }
    DIR *dir = opendir(ROOT);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int n = snprintf(path, sizeof(path), ROOT "/%s", entry->d_name);
        if (!is_hierarchy(path))
            continue;
        (void)snprintf(path + n, sizeof(path) - (size_t)n, "%s", group);
        fn(path);
    }
    if (dir)
        (void)closedir(dir);
}

/* Of one walk. */
static bool found_any, is_deep;

static int kill_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char file[PATH_BYTES + 32];
    int pid = 0;
    (void)st;
    if (type != FTW_D || (at->level > 0 && !is_deep))
        return 0;
    (void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    FILE *procs = fopen(file, "re");
    while (procs && fscanf(procs, "%d", &pid) == 1) {
        found_any = true;
        if (pid > 0) /* 0: of another namespace; to kill, it would be ourselves */
            (void)kill(pid, SIGKILL);
    }
    if (procs)
        (void)fclose(procs);
    return 0;
}

static void kill_in(const char *path)
{
    (void)nftw(path, kill_one, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT);
}

bool keeper_groups_kill(const char *group, bool deep)
{
    is_deep = deep;
    for (int i = 0; i < KILL_TRIES; i++) {
        found_any = false;
        each(group, kill_in);
        if (!found_any)
            return true;
        (void)usleep(KILL_TRY_US);
    }
    return false;
}

/* The groups below come before their own. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    if (type != FTW_DP || (at->level > 0 && !is_deep))
        return 0;
    for (int i = 0; i < KILL_TRIES && rmdir(path) < 0 && errno == EBUSY; i++)
        (void)usleep(KILL_TRY_US);
    return 0;
}

static void remove_in(const char *path)
{
    (void)nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void keeper_groups_remove(const char *group, bool deep)
{
    is_deep = deep;
    each(group, remove_in);
}
