/* An engine's API does not say when its processes started, and its reports of ends around that time
 * may be made up. On the same host the processes can be seen: the one that listens on the engine's
 * socket is dockerd; its child, or else one that belongs to no dockerd, is containerd. If another
 * process listens (a proxy, systemd) or it is another host, nothing is known. Owns nothing. Thread:
 * the loop's. */
#include "docker_born.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ob/clock.h"
#include "ob/text.h"

#define PF_EXITING 0x4u /* the kernel's flag, as /proc shows it */

typedef struct process {
    char name[32];
    char state;
    unsigned flags;
    int parent;
    int64_t born_ms;
} process;

static bool look(int pid, process *ret)
{
    char path[64], text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *name = strchr(text, '('), *end = strrchr(text, ')');
    unsigned long long ticks = 0;
    if (!name || !end ||
        sscanf(end,
               ") %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
               "%llu",
               &ret->state, &ret->parent, &ret->flags, &ticks) != 4)
        return false;
    (void)ob_text_copy(ret->name, sizeof(ret->name), name + 1, (size_t)(end - name - 1));
    int64_t since_boot_ms = (int64_t)(ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
    ret->born_ms = ob_wall_ms() - ob_boot_ms() + since_boot_ms;
    return true;
}

/* The process that listens; 0: not visible. */
static int listener(const char *host)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct ucred peer = { 0 };
    socklen_t len = sizeof(peer);
    if (strncmp(host, "unix://", 7) != 0 || strlen(host + 7) >= sizeof(address.sun_path))
        return 0;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", host + 7);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok ? peer.pid : 0;
}

/* On a starved host a killed process can have closed its files, which its peers notice, long before
 * it becomes a zombie. It never runs its program again. */
static bool is_alive(const process *p, const char *name)
{
    return strcmp(p->name, name) == 0 && !strchr("ZX", p->state) && !(p->flags & PF_EXITING);
}

static int64_t find_containerd(int dockerd)
{
    int64_t child_ms = 0, other_ms = 0;
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    process p, parent;
    while (dir && (entry = readdir(dir))) {
        int pid = atoi(entry->d_name);
        if (pid <= 0 || !look(pid, &p) || !is_alive(&p, "containerd"))
            continue;
        if (p.parent == dockerd)
            child_ms = p.born_ms;
        else if (p.born_ms > other_ms &&
                 !(look(p.parent, &parent) && strcmp(parent.name, "dockerd") == 0))
            other_ms = p.born_ms;
    }
    if (dir)
        (void)closedir(dir);
    return child_ms ? child_ms : other_ms;
}

/* A container has its own view, which does not include other containers. */
static bool has_our_view(int pid)
{
    char path[64], theirs[64] = "", ours[64] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    return readlink(path, theirs, sizeof(theirs) - 1) > 0 &&
           readlink("/proc/self/ns/mnt", ours, sizeof(ours) - 1) > 0 && strcmp(theirs, ours) == 0;
}

docker_birth docker_born(const char *host)
{
    docker_birth birth = { 0 };
    process p;
    int pid = listener(host);
    if (pid <= 0 || !look(pid, &p) || !is_alive(&p, "dockerd"))
        return birth;
    birth.dockerd_ms = p.born_ms;
    birth.containerd_ms = find_containerd(pid);
    birth.same_view = has_our_view(pid);
    return birth;
}
