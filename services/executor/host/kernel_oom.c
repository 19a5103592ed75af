/* The kernel's own word on a lack of memory. With cgroup v1 containerd hears of it by one way and
 * of the process's end by another, and drops the first when the group is gone already: the engine
 * then says that a container was killed, and not why. The kernel's log names the control group.
 * Owns nothing. Thread: the loop's (reads the log once, in this rare case). */
#include "kernel_oom.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 8192 /* of the kernel's */

bool kernel_oom_names(const char *record, const char *id)
{
    const char *kill = strstr(record, "oom-kill:");
    const char *group = kill ? strstr(kill, "task_memcg=") : NULL;
    const char *found = group ? strstr(group, id) : NULL;
    return found && found < strchrnul(group, ',');
}

bool kernel_oom_killed(const char *path, const char *id)
{
    char record[RECORD_MAX + 1];
    bool killed = false;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    /* A read is one record. EPIPE: one was overwritten meanwhile; EAGAIN: that was the last. */
    while (fd >= 0 && !killed &&
           ((n = read(fd, record, RECORD_MAX)) > 0 || (n < 0 && errno == EPIPE))) {
        record[n > 0 ? n : 0] = '\0';
        killed = kernel_oom_names(record, id);
    }
    if (fd >= 0)
        (void)close(fd);
    return killed;
}
