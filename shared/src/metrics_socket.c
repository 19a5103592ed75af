/* The socket on which a service shows its metrics, by as much of HTTP as `curl --unix-socket` and
 * the api's GET /metrics need. Owns the socket. */
#include <string.h>
#include <sys/socket.h>

#include "local_socket.h"
#include "metrics_internal.h"

#define HEAD_MAX 4096

static local_socket *serving; /* of the thread that starts and stops it */

/* Reads to the end of the request's head; false if it does not come. */
static bool read_head(int fd, char head[HEAD_MAX])
{
    size_t len = 0;
    head[0] = '\0';
    while (!strstr(head, "\r\n\r\n")) {
        ssize_t n = len < HEAD_MAX - 1 ? recv(fd, head + len, HEAD_MAX - 1 - len, 0) : 0;
        if (n <= 0)
            return false;
        len += (size_t)n;
        head[len] = '\0';
    }
    return true;
}

static bool asks_for(const char *head, const char *path)
{
    static const char get[] = "GET ";
    size_t n = strlen(path);
    return strncmp(head, get, sizeof(get) - 1) == 0 &&
           strncmp(head + sizeof(get) - 1, path, n) == 0 && head[sizeof(get) - 1 + n] == ' ';
}

static void answer(int fd)
{
    static const char not_found[] =
        "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char head[HEAD_MAX];
    if (!read_head(fd, head))
        return;
    for (int page = OB_PAGE_METRICS; page <= OB_PAGE_SHARES; page++) {
        ob_buf body = { 0 }, reply = { 0 };
        if (!asks_for(head, ob_metric_page_path((ob_metric_page)page)))
            continue;
        ob_metrics_show((ob_metric_page)page, &body);
        ob_buf_addf(&reply,
                    "HTTP/1.0 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                    "Connection: close\r\n\r\n",
                    OB_METRICS_TYPE, body.len);
        local_socket_send(fd, reply.at, reply.len);
        local_socket_send(fd, body.at, body.len);
        ob_buf_done(&reply);
        ob_buf_done(&body);
        return;
    }
    local_socket_send(fd, not_found, sizeof(not_found) - 1);
}

int ob_metrics_serve(const char *run_dir, const char *name, ob_error *err)
{
    ob_cleanup(ob_freep) char *file = ob_strf("%s" OB_METRICS_SUFFIX, name);
    if (serving)
        return ob_fail(err, EALREADY, "the metrics are served already");
    return local_socket_start(run_dir, file, answer, &serving, err);
}

void ob_metrics_stop(void)
{
    local_socket_stop(serving);
    serving = NULL;
    metrics_forget();
}
