/* Joins an HTTP client to the event loop: the loop watches the client's one descriptor. Owns
 * nothing. Thread: the loop's. */
#include "loop_http.h"

#include <sys/epoll.h>

static void on_ready(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    ob_http_ready(arg);
}

int loop_http_new(loop *l, const ob_http_options *options, ob_http **ret, ob_error *err)
{
    ob_http *h = NULL;
    int r = ob_http_new(options, &h, err);
    if (r < 0)
        return r;
    r = loop_watch(l, ob_http_fd(h), EPOLLIN, on_ready, h, err);
    if (r < 0) {
        ob_http_free(h);
        return r;
    }
    *ret = h;
    return 0;
}

void loop_http_free(loop *l, ob_http *h)
{
    if (!h)
        return;
    loop_unwatch(l, ob_http_fd(h));
    ob_http_free(h);
}
