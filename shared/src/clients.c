/* Prevents clients from holding threads. The server gives each connection a thread and limits only
 * single reads and writes, so a client that sends or reads a byte now and then could hold a thread
 * for ever. Here each wait for a body, or for a client to read an answer, has a limit, and when
 * threads are scarce the connections that wait longest are cut first.
 *
 * The server itself limits the headers of a connection's first request (request_timeout_ms),
 * because it does not say to which connection they belong. When threads are scarce, all of this
 * process's sockets are examined. A client without a known request, and without complete headers
 * waiting to be read, is a stranger. Strangers are cut, whether they have a thread or are queued
 * for one, so that clients queued behind them wait not much longer than strangers may.
 *
 * Owns the list of connections; never reads, writes or closes one. It shuts a connection down, and
 * the waiting thread finds that it has ended. One lock for the list, held only for list work and
 * shutdown; a thread of its own examines the list every PERIOD_MS.
 *
 * Invariants: a connection leaves the list before its socket is closed, so no other connection can
 * have the same number meanwhile; a stranger's socket, which may be closed at any moment, is
 * identified by its inode. */
#include "ob/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "ob/clock.h"
#include "ob/cond.h"
#include "ob/log.h"

#define PERIOD_MS 100
#define SCARCE_MS 250        /* when threads are scarce: the longest wait */
#define TURN_MS 500          /* when every thread has a connection: the limit for one */
#define HEAD_MAX (16 * 1024) /* the server's own limit of a request's headers */
#define FD_GAP 256           /* stop after this many numbers without a socket */

struct ob_conn {
    int fd; /* -1: not known, so it is not cut */
    int64_t since_ms;
    int64_t waits_since_ms; /* 0: its thread works */
    int limit_ms;
    bool cut;
    ob_conn *prev, *next;
};

/* By socket number: since when its client has been a stranger. */
typedef struct stranger {
    ino_t inode;
    int64_t since_ms;
} stranger;

struct ob_conns {
    int port, threads;
    ob_conns_cut_fn *on_cut;
    pthread_t thread;
    stranger *strangers; /* the thread's own, as the next two */
    bool *known;         /* sockets of which a request is known */
    int n_fds;
    pthread_mutex_t lock; /* guards what follows, and the members of all in 'all' */
    pthread_cond_t wake;
    bool stop;
    ob_conn *all; /* waiting connections, longest first; working ones may be anywhere */
    int n;
};

/* ---- sockets --------------------------------------------------------------------------------- */

static bool has_end(const struct sockaddr_storage *a, const char *addr, int port)
{
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *v4 = (const void *)a;
    const struct sockaddr_in6 *v6 = (const void *)a;
    if (a->ss_family == AF_INET)
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    else if (a->ss_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    else
        return false;
    int has = ntohs(a->ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    return has == port && (!addr || strcmp(text, addr) == 0);
}

/* The next three look at any descriptor, which another thread may open or close meanwhile. They get
 * numbers and read no memory that is shared (tests/tsan/suppressions.txt names them). */
static bool is_socket(int fd, bool *ret_open, ino_t *ret_inode)
{
    struct stat st = { 0 };
    *ret_open = fstat(fd, &st) == 0;
    *ret_inode = st.st_ino;
    return *ret_open && S_ISSOCK(st.st_mode);
}

/* Has the client sent headers that have not been read yet? */
static bool headers_wait(int fd)
{
    char head[HEAD_MAX];
    ssize_t n = recv(fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 && memmem(head, (size_t)n, "\r\n\r\n", 4);
}

/* Another socket may have its number by now. */
static void cut_stranger(int fd, ino_t inode)
{
    struct stat st;
    int same = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (same < 0)
        return;
    if (fstat(same, &st) == 0 && st.st_ino == inode)
        (void)shutdown(same, SHUT_RDWR);
    (void)close(same);
}

/* Is it a client's connection to our port? */
static bool is_client(int port, int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t len = sizeof a;
    return getsockname(fd, (struct sockaddr *)&a, &len) == 0 && has_end(&a, NULL, port) &&
           (len = sizeof a, getpeername(fd, (struct sockaddr *)&a, &len) == 0);
}

bool ob_conns_are_open(ob_conns *c)
{
    bool open;
    ino_t inode;
    for (int fd = 3, gap = 0; gap < FD_GAP; fd++) {
        if (is_socket(fd, &open, &inode) && is_client(c->port, fd))
            return true;
        gap = open ? 0 : gap + 1;
    }
    return false;
}

/* The server does not give a connection's socket: it is the one with these two addresses. */
static int find_socket(int port, const char *remote_addr, int remote_port)
{
    struct sockaddr_storage a = { 0 };
    for (int fd = 3, gap = 0; gap < FD_GAP; fd++) {
        socklen_t len = sizeof a;
        if (getpeername(fd, (struct sockaddr *)&a, &len) < 0) {
            gap = errno == EBADF ? gap + 1 : 0;
            continue;
        }
        gap = 0;
        if (has_end(&a, remote_addr, remote_port) && is_client(port, fd))
            return fd;
    }
    return -1;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void make_room(ob_conns *c, int fd)
{
    if (fd < c->n_fds)
        return;
    int n = fd + FD_GAP;
    c->strangers = ob_realloc(c->strangers, (size_t)n * sizeof *c->strangers);
    c->known = ob_realloc(c->known, (size_t)n * sizeof *c->known);
    memset(c->strangers + c->n_fds, 0, (size_t)(n - c->n_fds) * sizeof *c->strangers);
    memset(c->known + c->n_fds, 0, (size_t)(n - c->n_fds) * sizeof *c->known);
    c->n_fds = n;
}

/* With the lock held. */
static void note_known(ob_conns *c)
{
    const ob_conn *one;
    memset(c->known, 0, (size_t)c->n_fds * sizeof *c->known);
    DL_FOREACH(c->all, one)
    {
        if (one->fd >= 0 && one->fd < c->n_fds)
            c->known[one->fd] = true;
    }
}

static void tell_cut(const ob_conns *c, const char *why, int n)
{
    if (n > 0 && c->on_cut)
        c->on_cut(why, n);
}

/* Without the lock. If the headers were complete at the last look, the request will be known
 * soon. */
static void look_at_strangers(ob_conns *c)
{
    int64_t now_ms = ob_mono_ms();
    int cut = 0;
    for (int fd = 3, gap = 0; gap < FD_GAP; fd++) {
        bool open;
        ino_t inode;
        make_room(c, fd);
        stranger *s = &c->strangers[fd];
        bool socket = is_socket(fd, &open, &inode);
        gap = open ? 0 : gap + 1;
        if (!socket || c->known[fd] || !is_client(c->port, fd) || headers_wait(fd))
            *s = (stranger){ 0 };
        else if (s->inode != inode)
            *s = (stranger){ inode, now_ms };
        else if (now_ms - s->since_ms > SCARCE_MS) {
            cut_stranger(fd, s->inode);
            cut++;
        }
    }
    tell_cut(c, "stranger", cut);
    if (cut)
        ob_debug("connection.cut", "{s:i}", "strangers", cut);
}

/* With the lock held. Are threads scarce? */
static bool look_around(ob_conns *c)
{
    int64_t now_ms = ob_mono_ms();
    int spare = c->threads - c->n, wanted = c->threads / 4, cut = 0, sooner = 0;
    ob_conn *one;
    DL_FOREACH(c->all, one)
    {
        if (!one->waits_since_ms || one->cut || one->fd < 0)
            continue;
        int64_t waited_ms = now_ms - one->waits_since_ms;
        bool scarce = spare + cut < wanted && waited_ms > SCARCE_MS;
        if (!scarce && waited_ms <= one->limit_ms)
            continue;
        (void)shutdown(one->fd, SHUT_RDWR);
        one->cut = true;
        cut++;
        sooner += waited_ms <= one->limit_ms;
    }
    tell_cut(c, "scarce", sooner);
    tell_cut(c, "slow", cut - sooner);
    if (cut)
        ob_debug("connection.cut", "{s:i, s:i}", "connections", cut, "of", c->n);
    return spare < wanted;
}

static void *keep(void *arg)
{
    ob_conns *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        /* Without a connection there is nothing to examine. */
        if (c->n == 0)
            (void)pthread_cond_wait(&c->wake, &c->lock);
        else
            (void)ob_cond_wait_until(&c->wake, &c->lock, ob_mono_ms() + PERIOD_MS);
        if (!look_around(c))
            continue;
        note_known(c);
        (void)pthread_mutex_unlock(&c->lock);
        look_at_strangers(c);
        (void)pthread_mutex_lock(&c->lock);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

int ob_conns_new(int port, int threads, ob_conns_cut_fn *on_cut, ob_conns **ret, ob_error *err)
{
    ob_conns *c = ob_calloc(1, sizeof *c);
    c->port = port;
    c->threads = threads;
    c->on_cut = on_cut;
    make_room(c, 0);
    (void)pthread_mutex_init(&c->lock, NULL);
    ob_cond_init(&c->wake);
    int r = pthread_create(&c->thread, NULL, keep, c);
    if (r != 0) {
        free(c->strangers);
        free(c->known);
        free(c);
        return ob_fail(err, r, "cannot start a thread: %s", strerror(r));
    }
    *ret = c;
    return 0;
}

void ob_conns_free(ob_conns *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->strangers);
    free(c->known);
    free(c);
}

/* ---- connections ----------------------------------------------------------------------------- */

ob_conn *ob_conns_add(ob_conns *c)
{
    ob_conn *one = ob_calloc(1, sizeof *one);
    one->fd = -1;
    one->since_ms = ob_mono_ms();
    (void)pthread_mutex_lock(&c->lock);
    DL_APPEND(c->all, one);
    if (c->n++ == 0)
        (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    return one;
}

void ob_conn_from(ob_conns *c, ob_conn *one, const char *remote_addr, int remote_port)
{
    if (one->fd >= 0) /* written by this thread only */
        return;
    int fd = find_socket(c->port, remote_addr, remote_port);
    (void)pthread_mutex_lock(&c->lock);
    one->fd = fd;
    (void)pthread_mutex_unlock(&c->lock);
}

void ob_conns_remove(ob_conns *c, ob_conn *one)
{
    (void)pthread_mutex_lock(&c->lock);
    DL_DELETE(c->all, one);
    c->n--;
    (void)pthread_mutex_unlock(&c->lock);
    free(one);
}

size_t ob_conns_count(ob_conns *c, size_t *ret_waiting)
{
    const ob_conn *one;
    size_t waiting = 0;
    (void)pthread_mutex_lock(&c->lock);
    size_t n = (size_t)c->n;
    DL_FOREACH(c->all, one)
    {
        waiting += one->waits_since_ms != 0;
    }
    (void)pthread_mutex_unlock(&c->lock);
    *ret_waiting = waiting;
    return n;
}

void ob_conn_waits(ob_conns *c, ob_conn *one, int limit_ms)
{
    (void)pthread_mutex_lock(&c->lock);
    one->waits_since_ms = ob_mono_ms();
    one->limit_ms = limit_ms;
    DL_DELETE(c->all, one);
    DL_APPEND(c->all, one);
    (void)pthread_mutex_unlock(&c->lock);
}

void ob_conn_works(ob_conns *c, ob_conn *one)
{
    (void)pthread_mutex_lock(&c->lock);
    one->waits_since_ms = 0;
    (void)pthread_mutex_unlock(&c->lock);
}

static int tcp_state(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_state : TCP_CLOSE;
}

bool ob_conn_is_left(ob_conns *c, const ob_conn *one)
{
    static const char nothing[] = "HTTP/1.1 100 Continue\r\n\r\n";
    (void)c;
    if (one->fd < 0)
        return false;
    int state = tcp_state(one->fd);
    if (state == TCP_CLOSE_WAIT) {
        (void)send(one->fd, nothing, sizeof nothing - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        state = tcp_state(one->fd);
    }
    return state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT;
}

bool ob_conn_had_its_turn(ob_conns *c, const ob_conn *one)
{
    (void)pthread_mutex_lock(&c->lock);
    bool had = c->n >= c->threads && ob_mono_ms() - one->since_ms > TURN_MS;
    (void)pthread_mutex_unlock(&c->lock);
    return had;
}
