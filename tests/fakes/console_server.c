/* See console_server.h. */
#include "console_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stopped;

static struct sockaddr_in at_port(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int free_port(void)
{
    struct sockaddr_in a = at_port(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        abort();
    (void)close(fd);
    return ntohs(a.sin_port);
}

static void *knock(void *arg)
{
    const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };
    struct sockaddr_in a = at_port(*(int *)arg);
    while (!atomic_load(&stopped)) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        (void)connect(fd, (struct sockaddr *)&a, sizeof a);
        (void)nanosleep(&nap, NULL);
        (void)close(fd);
    }
    return NULL;
}

void stop_server(web_server *server, int port)
{
    pthread_t thread;
    atomic_store(&stopped, false);
    if (pthread_create(&thread, NULL, knock, &port) != 0)
        abort();
    web_server_stop(server);
    atomic_store(&stopped, true);
    (void)pthread_join(thread, NULL);
}
