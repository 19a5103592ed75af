#include "container_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

#include "ob/error.h"

typedef struct client {
    container_engine *engine;
    int fd;
    char in[65536];
    size_t len;
    bool hung_up;
    char path[512]; /* of the request that has no whole answer */
    bool open;      /* its answer has begun */
    struct client *prev, *next;
} client;

struct container_engine {
    loop *l;
    engine_on_request fn;
    void *arg;
    int fd;
    char dir[32];
    char host[64];
    client *clients;
};

static void client_free(client *c)
{
    DL_DELETE(c->engine->clients, c);
    loop_unwatch(c->engine->l, c->fd);
    (void)close(c->fd);
    free(c);
}

static void say(const client *c, const char *text)
{
    (void)send(c->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void say_chunk(const client *c, const char *text)
{
    char chunk[1024];
    (void)snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
    say(c, chunk);
}

static void answer(client *c, const char *method, const char *path)
{
    const char *version = strncmp(path, "/v1.", 4) == 0 ? strchr(path + 1, '/') : NULL;
    (void)snprintf(c->path, sizeof(c->path), "%s", version ? version : path);
    engine_answer a = c->engine->fn(method, c->path, c->engine->arg);
    char head[256];
    c->hung_up = a.hang_up;
    if (a.status == 0 || a.hang_up)
        return;
    int n = snprintf(head, sizeof(head), "HTTP/1.1 %d Said\r\n", a.status);
    if (a.open) {
        (void)snprintf(head + n, sizeof(head) - (size_t)n, "Transfer-Encoding: chunked\r\n\r\n");
        say(c, head);
        say_chunk(c, a.body);
        c->open = true;
        return;
    }
    c->path[0] = '\0';
    const char *body = a.body ? a.body : "";
    size_t len = a.len ? a.len : strlen(body);
    (void)snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: %zu\r\n\r\n", len);
    say(c, head);
    (void)send(c->fd, body, len, MSG_NOSIGNAL);
}

/* A whole request is taken off the buffer and answered. */
static bool take_request(client *c)
{
    char method[16], path[512];
    c->in[c->len] = '\0';
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end || sscanf(c->in, "%15s %511s", method, path) != 2)
        return false;
    const char *said = strcasestr(c->in, "Content-Length:");
    size_t size = (size_t)(end - c->in) + 4;
    size += said && said < end ? strtoul(said + strlen("Content-Length:"), NULL, 10) : 0;
    if (c->len < size)
        return false;
    c->len -= size;
    memmove(c->in, c->in + size, c->len);
    answer(c, method, path);
    return true;
}

static void on_client(int fd, uint32_t events, void *arg)
{
    client *c = arg;
    (void)events;
    ssize_t n = recv(fd, c->in + c->len, sizeof(c->in) - 1 - c->len, 0);
    if (n <= 0) {
        client_free(c);
        return;
    }
    c->len += (size_t)n;
    while (!c->hung_up && take_request(c))
        ;
    if (c->hung_up)
        client_free(c);
}

static void on_connect(int fd, uint32_t events, void *arg)
{
    container_engine *e = arg;
    (void)events;
    client *c = ob_calloc(1, sizeof(*c));
    c->engine = e;
    c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    DL_APPEND(e->clients, c);
    (void)loop_watch(e->l, c->fd, EPOLLIN, on_client, c, NULL);
}

container_engine *engine_new(loop *l, engine_on_request fn, void *arg)
{
    container_engine *e = ob_calloc(1, sizeof(*e));
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    e->l = l;
    e->fn = fn;
    e->arg = arg;
    (void)snprintf(e->dir, sizeof(e->dir), "/tmp/ob-engine-XXXXXX");
    if (!mkdtemp(e->dir))
        abort();
    (void)snprintf(e->host, sizeof(e->host), "unix://%s/sock", e->dir);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", e->dir);
    e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(e->fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(e->fd, 16) < 0 ||
        loop_watch(l, e->fd, EPOLLIN, on_connect, e, NULL) < 0)
        abort();
    return e;
}

void engine_free(container_engine *e)
{
    client *c, *next;
    DL_FOREACH_SAFE(e->clients, c, next)
    {
        client_free(c);
    }
    loop_unwatch(e->l, e->fd);
    (void)close(e->fd);
    (void)unlink(e->host + strlen("unix://"));
    (void)rmdir(e->dir);
    free(e);
}

const char *engine_host(const container_engine *e)
{
    return e->host;
}

void engine_say(container_engine *e, const char *path, const char *text)
{
    for (client *c = e->clients; c; c = c->next)
        if (c->open && strncmp(c->path, path, strlen(path)) == 0)
            say_chunk(c, text);
}

int engine_waiting(const container_engine *e, const char *path)
{
    int n = 0;
    for (const client *c = e->clients; c; c = c->next)
        n += c->path[0] && strncmp(c->path, path, strlen(path)) == 0;
    return n;
}

void engine_hang_up(container_engine *e, const char *path)
{
    client *c, *next;
    DL_FOREACH_SAFE(e->clients, c, next)
    {
        if (c->open && strncmp(c->path, path, strlen(path)) == 0)
            client_free(c);
    }
}
