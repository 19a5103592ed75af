/* Who is at the other end of a connection to this host? Jobs share the host's network: one of them
 * can take Kafka's port while Kafka is away, and would be sent the password. The kernel says which
 * process has the other end's socket (sock_diag(7), or proc(5), /proc/net/tcp; /proc/<pid>/fd); a
 * file says which one Kafka is. A process of a container is none of ours, whatever its
 * number: numbers come again. Owns nothing. Thread: librdkafka's, which may wait. */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus_internal.h"
#include "ob/clock.h"

#define ACCEPT_MS 5000 /* how long the other side may take to accept */
#define FD_MS 500      /* from then until its process shows the socket */
#define LOOK_EVERY_MS 5
#define READ_EVERY_MS 100 /* a table: it takes the kernel some 10 ms to write it */

/* Asks the kernel for the socket with these two addresses. 0: not accepted yet, not of this host,
 * or the kernel answers no such questions. */
static unsigned long
inode_asked(int kernel, const struct sockaddr_in *local, const struct sockaddr_in *remote)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } question = {
        .head = { .nlmsg_len = sizeof(question),
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST },
        .body = { .sdiag_family = AF_INET,
                  .sdiag_protocol = IPPROTO_TCP,
                  .idiag_states = UINT32_MAX,
                  .id = { .idiag_sport = local->sin_port,
                          .idiag_dport = remote->sin_port,
                          .idiag_src = { local->sin_addr.s_addr },
                          .idiag_dst = { remote->sin_addr.s_addr },
                          .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } },
    };
    struct {
        struct nlmsghdr head;
        struct inet_diag_msg body;
        char rest[1024];
    } answer = { 0 };
    if (send(kernel, &question, sizeof(question), 0) != (ssize_t)sizeof(question) ||
        recv(kernel, &answer, sizeof(answer), MSG_DONTWAIT) <
            (ssize_t)(sizeof(answer.head) + sizeof(answer.body)) ||
        answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return 0;
    /* It names the listener where there is no such connection. */
    return answer.body.idiag_state == TCP_LISTEN ? 0 : answer.body.idiag_inode;
}

/* A socket for such questions; -1: the kernel does not know the very socket of 'fd'. */
static int open_kernel(int fd, const struct sockaddr_in *ours, const struct sockaddr_in *theirs)
{
    struct stat own;
    int kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (kernel >= 0 && fstat(fd, &own) == 0 && inode_asked(kernel, ours, theirs) == own.st_ino)
        return kernel;
    if (kernel >= 0)
        (void)close(kernel);
    return -1;
}

/* An address in /proc/net/tcp, or in tcp6 as one of IPv4 that is mapped (Java listens so). */
static bool is_at(const char *text, const struct sockaddr_in *address)
{
    char plain[16], mapped[48];
    (void)snprintf(plain, sizeof(plain), "%08X:%04X", address->sin_addr.s_addr,
                   ntohs(address->sin_port));
    (void)snprintf(mapped, sizeof(mapped), "0000000000000000FFFF0000%s", plain);
    return strcmp(text, plain) == 0 || strcmp(text, mapped) == 0;
}

/* The inode of the socket whose own address is 'theirs' and whose peer is 'ours'; 0: not accepted
 * yet, or not of this host. */
static unsigned long
inode_in(const char *table, const struct sockaddr_in *theirs, const struct sockaddr_in *ours)
{
    char line[512], local[64], remote[64];
    unsigned long inode, found = 0;
    FILE *file = fopen(table, "re");
    while (file && !found && fgets(line, sizeof(line), file))
        if (sscanf(line, " %*d: %63s %63s %*X %*X:%*X %*X:%*X %*X %*u %*u %lu", local, remote,
                   &inode) == 3 &&
            is_at(local, theirs) && is_at(remote, ours))
            found = inode;
    if (file)
        (void)fclose(file);
    return found;
}

static unsigned long inode_of(const struct sockaddr_in *theirs, const struct sockaddr_in *ours)
{
    unsigned long inode = inode_in("/proc/net/tcp", theirs, ours);
    return inode ? inode : inode_in("/proc/net/tcp6", theirs, ours);
}

static bool has_socket(int pid, unsigned long inode)
{
    char path[64], wanted[64], target[64];
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    (void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir && !found && (entry = readdir(dir))) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

/* In no container: it sees the files that we see. 0: there is none such. */
static int our_process(const char *pid_file)
{
    int pid = 0;
    char path[64], theirs[64] = "", ours[64] = "";
    FILE *file = fopen(pid_file, "re");
    if (file && fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file)
        (void)fclose(file);
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    bool same = pid > 0 && readlink(path, theirs, sizeof(theirs) - 1) > 0 &&
                readlink("/proc/self/ns/mnt", ours, sizeof(ours) - 1) > 0 &&
                strcmp(theirs, ours) == 0;
    return same ? pid : 0;
}

bool bus_peer_is(int fd, const char *pid_file, bool ask)
{
    struct sockaddr_in ours = { 0 }, theirs = { 0 };
    socklen_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);
    if (getsockname(fd, (struct sockaddr *)&ours, &ours_len) < 0 ||
        getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) < 0 ||
        ours.sin_family != AF_INET || theirs.sin_family != AF_INET)
        return false;
    int kernel = ask ? open_kernel(fd, &ours, &theirs) : -1;
    int64_t until_ms = ob_mono_ms() + ACCEPT_MS;
    bool is = false;
    for (bool accepted = false; !is && ob_mono_ms() < until_ms;) {
        unsigned long inode =
            kernel >= 0 ? inode_asked(kernel, &theirs, &ours) : inode_of(&theirs, &ours);
        if (inode && !accepted)
            until_ms = ob_mono_ms() + FD_MS;
        accepted |= inode != 0;
        int pid = inode ? our_process(pid_file) : 0;
        is = pid && has_socket(pid, inode);
        if (!is)
            (void)poll(NULL, 0, kernel >= 0 ? LOOK_EVERY_MS : READ_EVERY_MS);
    }
    if (kernel >= 0)
        (void)close(kernel);
    return is;
}
