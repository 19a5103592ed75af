/* See fake_kube.h. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "fake_kube.h"

void fake_kube_listen(fake_kube *f)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)f->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int on = 1;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(f->listener, FAKE_KUBE_CONNECTIONS), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &len), 0);
    f->port = ntohs(at.sin_port);
}

void fake_kube_deafen(fake_kube *f)
{
    (void)close(f->listener);
    f->listener = -1;
}

void fake_kube_write(fake_kube *f, const char *user)
{
    FILE *file = fopen(f->file, "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "{\"current-context\":\"c\","
                  "\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],"
                  "\"clusters\":[{\"name\":\"k\",\"cluster\":"
                  "{\"server\":\"http://127.0.0.1:%d\"}}],"
                  "\"users\":[{\"name\":\"u\",\"user\":{%s}}]}",
                  f->port, user);
    assert_int_equal(fclose(file), 0);
}

void fake_kube_open(fake_kube *f)
{
    *f = (fake_kube){ 0 };
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/ob-kube-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->file, sizeof(f->file), "%s/fake.json", f->dir);
    fake_kube_listen(f);
    fake_kube_write(f, "\"token\":\"first\"");
}

static void close_connection(fake_kube *f, int i)
{
    if (f->connections[i] >= 0)
        (void)close(f->connections[i]);
    f->connections[i] = -1;
    free(f->unread[i]);
    f->unread[i] = NULL;
}

void fake_kube_close(fake_kube *f)
{
    for (size_t i = 0; i < f->n_connections; i++)
        close_connection(f, (int)i);
    for (size_t i = 0; i < f->n; i++) {
        free(f->requests[i].head);
        free(f->requests[i].body);
    }
    if (f->listener >= 0)
        (void)close(f->listener);
    (void)unlink(f->file);
    (void)rmdir(f->dir);
}

/* Takes one whole request out of what was read. false: there is none. */
static bool take_request(fake_kube *f, int connection)
{
    char *text = f->unread[connection];
    char *end = text ? strstr(text, "\r\n\r\n") : NULL;
    if (!end)
        return false;
    const char *length = strstr(text, "Content-Length: ");
    size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    end += 4;
    if (strlen(end) < body)
        return false;
    assert_true(f->n < FAKE_KUBE_REQUESTS);
    fake_kube_request *r = &f->requests[f->n];
    *r = (fake_kube_request){ .connection = connection,
                              .head = strndup(text, (size_t)(end - text)),
                              .body = strndup(end, body) };
    assert_int_equal(sscanf(text, "%15s %2047s", r->method, r->target), 2);
    f->unread[connection] = strdup(end + body);
    free(text);
    f->n++;
    if (f->on_request)
        f->on_request(f, f->n - 1, f->arg);
    return true;
}

static void read_connection(fake_kube *f, int i)
{
    char part[65536];
    ssize_t n = read(f->connections[i], part, sizeof(part));
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close_connection(f, i);
        return;
    }
    if (n < 0)
        return;
    size_t had = f->unread[i] ? strlen(f->unread[i]) : 0;
    f->unread[i] = realloc(f->unread[i], had + (size_t)n + 1);
    memcpy(f->unread[i] + had, part, (size_t)n);
    f->unread[i][had + (size_t)n] = '\0';
    while (f->connections[i] >= 0 && take_request(f, i))
        ;
}

size_t fake_kube_serve(fake_kube *f)
{
    int fd;
    while (f->listener >= 0 &&
           (fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        size_t i = 0;
        while (i < f->n_connections && f->connections[i] >= 0)
            i++;
        assert_true(i < FAKE_KUBE_CONNECTIONS);
        /* What was sent has arrived: no part waits for an answer to the one before. */
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        f->connections[i] = fd;
        if (i == f->n_connections)
            f->n_connections++;
    }
    for (size_t i = 0; i < f->n_connections; i++)
        if (f->connections[i] >= 0)
            read_connection(f, (int)i);
    return f->n;
}

static void put(fake_kube *f, size_t request, const char *data, size_t len)
{
    int fd = f->connections[f->requests[request].connection];
    while (fd >= 0 && len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            continue; /* the client reads in another call: only short texts are sent at once */
        if (n < 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static void put_text(fake_kube *f, size_t request, const char *text)
{
    put(f, request, text, strlen(text));
}

void fake_kube_answer(
    fake_kube *f, size_t request, int status, const char *header, const char *body)
{
    char head[512];
    assert_false(f->requests[request].answered);
    f->requests[request].answered = true;
    (void)snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n", status,
                   header, strlen(body));
    put_text(f, request, head);
    put_text(f, request, body);
}

void fake_kube_begin(fake_kube *f, size_t request)
{
    f->requests[request].answered = true;
    put_text(f, request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

void fake_kube_part(fake_kube *f, size_t request, const char *text, size_t len)
{
    char size[32];
    (void)snprintf(size, sizeof(size), "%zx\r\n", len);
    put_text(f, request, size);
    put(f, request, text, len);
    put_text(f, request, "\r\n");
}

void fake_kube_line(fake_kube *f, size_t request, const char *line)
{
    fake_kube_part(f, request, line, strlen(line));
    fake_kube_part(f, request, "\n", 1);
}

void fake_kube_end(fake_kube *f, size_t request)
{
    put_text(f, request, "0\r\n\r\n");
}

void fake_kube_cut(fake_kube *f, size_t request)
{
    close_connection(f, f->requests[request].connection);
}
