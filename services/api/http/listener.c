/* Owns nothing: server.c owns the listening socket. While the program or its settings change, no
 * client may be refused. So one program passes the socket to the next in the same process (exec),
 * and connections wait in its queue meanwhile. The server cannot take an existing socket: it opens
 * one on a free port, and the real one replaces it under that number. */
#include "listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ob/json.h"
#include "ob/log.h"
#include "ob/service.h"

#define BACKLOG 512
#define FIRST_FD 3 /* the first descriptor of LISTEN_FDS */
#define FDS_MAX 4096

static bool same_end(const struct sockaddr_storage *a, const struct addrinfo *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b->ai_addr;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b->ai_addr;
    if (a->ss_family != b->ai_family)
        return false;
    if (a->ss_family == AF_INET)
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return a6->sin6_port == b6->sin6_port &&
           memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool listens(int fd, struct sockaddr_storage *ret_at)
{
    int yes = 0;
    socklen_t len = sizeof(yes), at_len = sizeof(*ret_at);
    memset(ret_at, 0, at_len);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes &&
           getsockname(fd, (struct sockaddr *)ret_at, &at_len) == 0;
}

/* The socket that was passed to this process, or -1. One for another address is closed. */
static int handed_over(const struct addrinfo *where)
{
    struct sockaddr_storage at;
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    bool ours = pid && n && atoi(pid) == (int)getpid() && strcmp(n, "1") == 0;
    if (!ours)
        return -1;
    (void)fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC);
    if (listens(FIRST_FD, &at) && same_end(&at, where))
        return FIRST_FD;
    (void)close(FIRST_FD);
    return -1;
}

static int bind_new(const struct addrinfo *where, const char *address, int port, ob_error *err)
{
    const int yes = 1;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ob_fail(err, errno, "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, where->ai_addr, where->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int e = errno;
        (void)close(fd);
        return ob_fail(err, e, "cannot listen on %s:%d: %s", address, port, strerror(e));
    }
    return fd;
}

int listener_open(const char *address, int port, int *ret_fd, ob_error *err)
{
    char host[256], service[16];
    struct addrinfo *where = NULL;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    size_t len = strlen(address);
    bool brackets = len > 2 && address[0] == '[' && address[len - 1] == ']'; /* [::1] */
    (void)snprintf(host, sizeof(host), "%s", address + brackets);
    if (brackets && len < sizeof(host))
        host[len - 2] = '\0';
    (void)snprintf(service, sizeof(service), "%d", port);
    int r = getaddrinfo(*host ? host : NULL, service, &hints, &where);
    if (r != 0)
        return ob_fail(err, EADDRNOTAVAIL, "cannot listen on %s: %s", address, gai_strerror(r));
    int fd = handed_over(where);
    if (fd < 0)
        fd = bind_new(where, address, port, err);
    freeaddrinfo(where);
    if (fd < 0)
        return fd;
    /* A client may leave between the server's poll and its accept. */
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *ret_fd = fd;
    return 0;
}

/* The server waits for its own socket for up to two seconds; a connection wakes it. */
static void wake(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)connect(fd, (struct sockaddr *)&at, sizeof(at));
    (void)close(fd);
}

int listener_give(struct mg_context *mg, int fd, int *ret_place, ob_error *err)
{
    struct mg_server_port own = { 0 };
    if (mg_get_server_ports(mg, 1, &own) != 1)
        return ob_fail(err, EPROTO, "the server does not listen");
    for (int place = FIRST_FD; place < FDS_MAX; place++) {
        struct sockaddr_storage at;
        const struct sockaddr_in *v4 = (const void *)&at;
        if (place == fd || !listens(place, &at) || at.ss_family != AF_INET ||
            ntohs(v4->sin_port) != own.port)
            continue;
        if (dup3(fd, place, O_CLOEXEC) < 0)
            return ob_fail(err, errno, "dup3: %s", strerror(errno));
        wake(own.port);
        *ret_place = place;
        return 0;
    }
    return ob_fail(err, EPROTO, "the server's socket is not found");
}

void listener_take_back(int place)
{
    int nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* never ready */
    if (nothing < 0)
        return;
    (void)dup3(nothing, place, O_CLOEXEC);
    (void)close(nothing);
}

void listener_exec(int fd, const char *path, char **argv)
{
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "LISTEN_PID=%d", (int)getpid());
    char **environment = ob_service_environment(pid, "LISTEN_FDS=1");
    if (fd == FIRST_FD)
        (void)fcntl(fd, F_SETFD, 0);
    else
        (void)dup2(fd, FIRST_FD);
    char *const only[] = { (char *)(uintptr_t)path, NULL };
    if (path)
        (void)execve(path, only, environment);
    (void)execve("/proc/self/exe", argv, environment);
    ob_errlog("restart.failed", "{s:o}", "error", ob_json_text(strerror(errno)));
    free(environment);
}
