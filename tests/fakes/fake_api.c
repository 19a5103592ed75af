/* One thread, one connection at a time, no keep-alive. */
#include "fake_api.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ob/mem.h"

#define REQUEST_MAX (128 * 1024)

struct fake_api {
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock;
    int status;
    const char *body, *refused;
    bool hangs;
    pthread_cond_t goes_on; /* it does not hang */
    int count;
    char last[REQUEST_MAX + 1];
};

/* Reads one request, as long as its Content-Length says. */
static size_t read_request(int fd, char *out)
{
    size_t len = 0, wanted = REQUEST_MAX;
    while (len < wanted) {
        ssize_t n = recv(fd, out + len, REQUEST_MAX - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        out[len] = '\0';
        const char *end = strstr(out, "\r\n\r\n");
        const char *length = strcasestr(out, "\r\nContent-Length:");
        if (end)
            wanted = (size_t)(end - out) + 4 + (length ? strtoul(length + 17, NULL, 10) : 0);
    }
    out[len] = '\0';
    return len;
}

static void serve(fake_api *f, int fd)
{
    char *request = ob_calloc(1, REQUEST_MAX + 1);
    if (read_request(fd, request) > 0) {
        (void)pthread_mutex_lock(&f->lock);
        memcpy(f->last, request, REQUEST_MAX + 1);
        f->count++;
        while (f->hangs)
            (void)pthread_cond_wait(&f->goes_on, &f->lock);
        bool refused = f->refused && strstr(request, f->refused);
        const char *body = refused ? "{\"message\":\"refused\"}" : f->body;
        ob_cleanup(ob_freep) char *answer =
            ob_strf("HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                    "Connection: close\r\n\r\n%s",
                    refused ? 403 : f->status, strlen(body), body);
        (void)pthread_mutex_unlock(&f->lock);
        (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    }
    free(request);
    (void)close(fd);
}

static void *run(void *arg)
{
    fake_api *f = arg;
    for (;;) {
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        serve(f, fd);
    }
}

fake_api *fake_api_new(void)
{
    fake_api *f = ob_calloc(1, sizeof *f);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    f->status = 200;
    f->body = "{}";
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->goes_on, NULL);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&a, len) < 0 ||
        listen(f->listener, 16) < 0 || getsockname(f->listener, (struct sockaddr *)&a, &len) < 0 ||
        pthread_create(&f->thread, NULL, run, f) != 0)
        abort();
    f->port = ntohs(a.sin_port);
    return f;
}

void fake_api_free(fake_api *f)
{
    fake_api_hangs(f, false);
    (void)shutdown(f->listener, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->listener);
    (void)pthread_cond_destroy(&f->goes_on);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

int fake_api_port(const fake_api *f)
{
    return f->port;
}

void fake_api_answers(fake_api *f, int status, const char *body)
{
    (void)pthread_mutex_lock(&f->lock);
    f->status = status;
    f->body = body;
    (void)pthread_mutex_unlock(&f->lock);
}

void fake_api_refuses(fake_api *f, const char *text)
{
    (void)pthread_mutex_lock(&f->lock);
    f->refused = text;
    (void)pthread_mutex_unlock(&f->lock);
}

void fake_api_hangs(fake_api *f, bool hangs)
{
    (void)pthread_mutex_lock(&f->lock);
    f->hangs = hangs;
    (void)pthread_cond_broadcast(&f->goes_on);
    (void)pthread_mutex_unlock(&f->lock);
}

void fake_api_last(fake_api *f, char *out, size_t size)
{
    (void)pthread_mutex_lock(&f->lock);
    (void)snprintf(out, size, "%s", f->last);
    (void)pthread_mutex_unlock(&f->lock);
}

int fake_api_count(fake_api *f)
{
    (void)pthread_mutex_lock(&f->lock);
    int n = f->count;
    (void)pthread_mutex_unlock(&f->lock);
    return n;
}
