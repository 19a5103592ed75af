/* Copies folders. Owns nothing. Leaves the work to cp, which is well-kept; copies are rare here. */
#include "keeper_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool run(char *const args[])
{
    pid_t pid = 0;
    int status = -1;
    if (posix_spawnp(&pid, args[0], NULL, NULL, args, environ) != 0)
        return false;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool keeper_tree_copy(const char *from, const char *to)
{
    char source[4096];
    (void)snprintf(source, sizeof(source), "%s/.", from);
    return run((char *[]){ (char *)"cp", (char *)"-a", (char *)"--reflink=auto", (char *)"--",
                           source, (char *)to, NULL });
}

bool keeper_tree_fill(const char *root, const char *from, const char *to)
{
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY, .resolve = RESOLVE_IN_ROOT };
    struct stat at;
    char path[64];
    int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = root_fd < 0 ? -1 : (int)syscall(SYS_openat2, root_fd, from, &how, sizeof(how));
    if (root_fd >= 0)
        (void)close(root_fd);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    bool ok = fstat(fd, &at) == 0 && keeper_tree_copy(path, to) &&
              chown(to, at.st_uid, at.st_gid) == 0 && chmod(to, at.st_mode & 07777) == 0;
    (void)close(fd);
    return ok;
}
