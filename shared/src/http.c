/* libcurl's multi interface (ob/http.h). Owns the multi handle, an epoll descriptor with libcurl's
 * sockets and a timer, and all calls. libcurl must not be called from its own callbacks, so
 * ob_http_send, ob_http_drop and ob_http_resume only record the request, and ob_http_flush executes
 * it. Invariants: after ob_http_drop, and after on_reply, no callback of a call runs; on_reply runs
 * when its call has left the multi handle and the list. Thread: the owner's. */
#include "ob/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utlist.h>

#include "http_aim.h"
#include "ob/buf.h"

#define EVENTS_AT_ONCE 64
#define RETRY_AFTER_MAX_S 3600

typedef enum call_state { CALL_FRESH, CALL_ACTIVE, CALL_DROPPED } call_state;

struct ob_http_call {
    ob_http *h;
    ob_point point; /* OB_POINT_NONE: it changes nothing */
    CURL *easy;
    struct curl_slist *headers, *route;
    char *body;
    ob_http_on_data on_data;
    ob_http_on_open on_open;
    ob_http_on_reply on_reply;
    void *arg;
    void (*free_arg)(void *arg);
    call_state state;
    bool in_multi;
    bool opened;
    bool want_resume;
    bool too_long; /* its body */
    ob_buf reply;
    char error[CURL_ERROR_SIZE];
    struct ob_http_call *prev, *next;
};

struct ob_http {
    CURLM *multi;
    int epoll_fd, timer_fd;
    char *socket; /* or NULL */
    http_aim aim;
    size_t body_max;
    bool proxy;
    long keepalive_s;
    bool dirty; /* there is work for ob_http_flush */
    ob_http_call *calls;
};

/* ---- calls ---- */

/* Out of libcurl and the list: nothing is told of it any more. */
static void call_detach(ob_http_call *call)
{
    DL_DELETE(call->h->calls, call);
    if (call->in_multi)
        (void)curl_multi_remove_handle(call->h->multi, call->easy);
    call->in_multi = false;
}

/* Of a call that was detached. */
static void call_free(ob_http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->route);
    if (call->free_arg)
        call->free_arg(call->arg);
    free(call->body);
    ob_buf_done(&call->reply);
    free(call);
}

static long call_status(const ob_http_call *call)
{
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
    ob_http_call *call = arg;
    size_t len = size * n;
    if (call->state == CALL_DROPPED)
        return 0; /* ends the transfer */
    if (call->on_data && call_status(call) == 200)
        return call->on_data(data, len, call->arg) ? len : CURL_WRITEFUNC_PAUSE;
    call->too_long = call->reply.len + len > call->h->body_max;
    if (call->too_long)
        return 0;
    ob_buf_add(&call->reply, data, len);
    return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    (void)data;
    ob_http_call *call = arg;
    size_t len = size * n;
    bool is_end = len <= 2; /* the empty line after the headers */
    if (is_end && call->on_open && !call->opened && call->state == CALL_ACTIVE &&
        call_status(call) == 200) {
        call->opened = true;
        call->on_open(call->arg);
    }
    return len;
}

static int retry_after(const ob_http_call *call)
{
    curl_off_t s = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &s);
    return s < 0 ? 0 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (int)s;
}

static void finish(ob_http_call *call, CURLcode code)
{
    ob_http_reply reply = { .body = call->reply.at ? call->reply.at : "", .len = call->reply.len };
    if (code == CURLE_OK)
        reply.status = (int)call_status(call);
    if (!reply.status)
        reply.error = call->too_long   ? "the answer is too long"
                      : call->error[0] ? call->error
                                       : curl_easy_strerror(code);
    reply.unsent = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    reply.retry_after_s = retry_after(call);
    /* on_reply may drop its own call, so the list must not contain it any more. */
    call_detach(call);
    if (call->point && reply.status)
        ob_point_pass(call->point, OB_POINT_AFTER);
    if (call->state != CALL_DROPPED)
        call->on_reply(&reply, call->arg);
    call_free(call);
}

static void check_done(ob_http *h)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(h->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        ob_http_call *call = NULL;
        CURLcode result = msg->data.result;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, result);
    }
}

/* ---- libcurl's sockets and its timer ---- */

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy, (void)socket_arg;
    const ob_http *h = arg;
    struct epoll_event event = { .data.fd = fd };
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    /* A call whose socket cannot be watched ends by its timeout. An error from here would end
     * libcurl's work on all calls. */
    if (epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0)
        (void)epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    const ob_http *h = arg;
    struct itimerspec at = { 0 }; /* stops it */
    if (timeout_ms >= 0) {
        at.it_value.tv_sec = timeout_ms / 1000;
        at.it_value.tv_nsec = timeout_ms ? timeout_ms % 1000 * 1000000 : 1;
    }
    (void)timerfd_settime(h->timer_fd, 0, &at, NULL);
    return 0;
}

/* Returns how many calls are with libcurl. */
static int act(ob_http *h, int fd, uint32_t events)
{
    int running = 0;
    int mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    (void)curl_multi_socket_action(h->multi, fd, mask, &running);
    check_done(h);
    return running;
}

static void take_events(ob_http *h, int wait_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t times;
    int n = epoll_wait(h->epoll_fd, events, EVENTS_AT_ONCE, wait_ms);
    for (int i = 0; i < n; i++) {
        if (events[i].data.fd == h->timer_fd) {
            (void)!read(h->timer_fd, &times, sizeof(times));
            (void)act(h, CURL_SOCKET_TIMEOUT, 0);
        } else {
            (void)act(h, events[i].data.fd, events[i].events);
        }
    }
}

int ob_http_fd(const ob_http *h)
{
    return h->epoll_fd;
}

void ob_http_ready(ob_http *h)
{
    take_events(h, 0);
}

void ob_http_step(ob_http *h, int wait_ms)
{
    ob_http_flush(h);
    int running = act(h, CURL_SOCKET_TIMEOUT, 0); /* begins what is fresh */
    take_events(h, running > 0 ? wait_ms : 0);
}

/* ---- beginning and end ---- */

static int open_watches(ob_http *h, ob_error *err)
{
    struct epoll_event event = { .events = EPOLLIN };
    h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (h->epoll_fd < 0)
        return ob_fail(err, errno, "epoll_create1: %s", strerror(errno));
    h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    event.data.fd = h->timer_fd;
    if (h->timer_fd < 0 || epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, h->timer_fd, &event) < 0)
        return ob_fail(err, errno, "timerfd: %s", strerror(errno));
    return 0;
}

int ob_http_new(const ob_http_options *options, ob_http **ret, ob_error *err)
{
    ob_http *h = ob_calloc(1, sizeof(*h));
    h->epoll_fd = h->timer_fd = -1;
    h->socket = options->socket ? ob_strdup(options->socket) : NULL;
    h->body_max = options->body_max;
    h->proxy = options->proxy;
    h->keepalive_s = options->keepalive_s;
    http_aim_set(&h->aim, options->base, options->tls);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    h->multi = curl_multi_init();
    if (!h->multi)
        abort(); /* out of memory */
    int r = open_watches(h, err);
    if (r < 0) {
        ob_http_free(h);
        return r;
    }
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    if (options->idle_connections)
        (void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, options->idle_connections);
    *ret = h;
    return 0;
}

void ob_http_free(ob_http *h)
{
    if (!h)
        return;
    ob_http_call *call, *next;
    DL_FOREACH_SAFE(h->calls, call, next)
    {
        call->state = CALL_DROPPED;
        call_detach(call);
        call_free(call);
    }
    (void)curl_multi_cleanup(h->multi);
    curl_global_cleanup();
    if (h->timer_fd >= 0)
        (void)close(h->timer_fd);
    if (h->epoll_fd >= 0)
        (void)close(h->epoll_fd);
    free(h->socket);
    http_aim_done(&h->aim);
    free(h);
}

void ob_http_aim(ob_http *h, const char *base, const ob_http_tls *tls)
{
    http_aim_done(&h->aim);
    http_aim_set(&h->aim, base, tls);
}

static void set_body(ob_http_call *call, const ob_http_request *request)
{
    if (request->json)
        call->body = json_dumps(request->json, JSON_COMPACT);
    else if (request->body || strcmp(request->method, "POST") == 0)
        call->body = ob_strdup(request->body ? request->body : "");
    if (!call->body)
        return;
    (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
    (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
}

static void set_headers(ob_http_call *call, const ob_http_request *request)
{
    ob_cleanup(ob_freep) char *type =
        ob_strf("Content-Type: %s", request->type ? request->type : "application/json");
    call->headers = curl_slist_append(NULL, type);
    /* A signature would cover this line, which is not sent. */
    if (!request->sign)
        call->headers = curl_slist_append(call->headers, "Expect:");
    if (request->header)
        call->headers = curl_slist_append(call->headers, request->header);
    for (const char *const *line = request->more; line && *line; line++)
        call->headers = curl_slist_append(call->headers, *line);
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_target(ob_http_call *call, const ob_http_request *request)
{
    const ob_http *h = call->h;
    call->route = http_aim_apply(&h->aim, call->easy, request->path);
    if (h->socket)
        (void)curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, h->socket);
    if (h->keepalive_s) {
        (void)curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPIDLE, h->keepalive_s);
        (void)curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPINTVL, h->keepalive_s);
    }
    if (!h->proxy)
        (void)curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->sign) {
        (void)curl_easy_setopt(call->easy, CURLOPT_AWS_SIGV4, request->sign);
        (void)curl_easy_setopt(call->easy, CURLOPT_USERPWD, request->userpwd);
    }
}

ob_http_call *ob_http_send(ob_http *h, ob_point point, const ob_http_request *request)
{
    assert(point || request->reads || strcmp(request->method, "GET") == 0);
    if (point)
        ob_point_pass(point, OB_POINT_BEFORE);
    ob_http_call *call = ob_calloc(1, sizeof(*call));
    call->h = h;
    call->point = point;
    call->on_data = request->on_data;
    call->on_open = request->on_open;
    call->on_reply = request->on_reply;
    call->arg = request->arg;
    call->free_arg = request->free_arg;
    CURL *easy = call->easy = curl_easy_init();
    if (!easy)
        abort(); /* out of memory */
    set_target(call, request);
    set_body(call, request);
    set_headers(call, request);
    /* libcurl repeats a request on a kept connection that turns out to be closed. */
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->only_once ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)request->timeout_s);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    DL_APPEND(h->calls, call);
    h->dirty = true;
    return call;
}

void ob_http_drop(ob_http_call *call)
{
    if (!call)
        return;
    call->state = CALL_DROPPED;
    call->h->dirty = true;
}

void ob_http_resume(ob_http_call *call)
{
    call->want_resume = true;
    call->h->dirty = true;
}

void ob_http_flush(ob_http *h)
{
    /* Resuming calls on_data, which may want more. */
    while (h->dirty) {
        h->dirty = false;
        ob_http_call *call, *next;
        DL_FOREACH_SAFE(h->calls, call, next)
        {
            if (call->state == CALL_DROPPED) {
                call_detach(call);
                call_free(call);
            } else if (call->state == CALL_FRESH) {
                call->state = CALL_ACTIVE;
                call->in_multi = curl_multi_add_handle(h->multi, call->easy) == CURLM_OK;
            } else if (call->want_resume) {
                call->want_resume = false;
                (void)curl_easy_pause(call->easy, CURLPAUSE_CONT);
            }
        }
    }
}

bool ob_http_busy(const ob_http *h)
{
    return h->calls != NULL;
}
