/* libcurl on the event loop. Owns the multi handle, the watches of its sockets and all calls.
 * libcurl must not be called from its own callbacks, so http_send, http_drop and http_resume only
 * record the request, and http_flush executes it. Invariant: after http_drop, and after on_reply,
 * no callback of a call runs. Thread: the loop's. */
#include "docker_http.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/epoll.h>
#include <utlist.h>

#include "ob/buf.h"

#define BODY_MAX (64u << 20)
#define IDLE_CONNECTIONS 8L

typedef enum call_state { CALL_FRESH, CALL_ACTIVE, CALL_DROPPED } call_state;

struct http_call {
    http *h;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    http_on_data on_data;
    http_on_open on_open;
    http_on_reply on_reply;
    void *arg;
    call_state state;
    bool in_multi;
    bool opened;
    bool want_resume;
    ob_buf reply;
    char error[CURL_ERROR_SIZE];
    struct http_call *prev, *next;
};

struct http {
    loop *l;
    CURLM *multi;
    loop_timer timer;
    char *socket; /* path of a unix socket, or NULL */
    char *base;   /* http://host */
    http_call *calls;
    bool dirty; /* there is work for http_flush */
};

static void call_free(http_call *call)
{
    DL_DELETE(call->h->calls, call);
    if (call->in_multi)
        (void)curl_multi_remove_handle(call->h->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->body);
    ob_buf_done(&call->reply);
    free(call);
}

static long call_status(const http_call *call)
{
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
    http_call *call = arg;
    size_t len = size * n;
    if (call->state == CALL_DROPPED)
        return 0; /* ends the transfer */
    if (call->on_data && call_status(call) == 200)
        return call->on_data(data, len, call->arg) ? len : CURL_WRITEFUNC_PAUSE;
    if (call->reply.len + len > BODY_MAX)
        return 0;
    ob_buf_add(&call->reply, data, len);
    return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    http_call *call = arg;
    size_t len = size * n;
    bool is_end = len <= 2; /* the empty line after the headers */
    if (is_end && call->on_open && !call->opened && call->state == CALL_ACTIVE &&
        call_status(call) == 200) {
        call->opened = true;
        call->on_open(call->arg);
    }
    return len;
}

static void finish(http_call *call, CURLcode code)
{
    http_reply reply = { .body = call->reply.at ? call->reply.at : "", .len = call->reply.len };
    if (code == CURLE_OK)
        reply.status = (int)call_status(call);
    else
        reply.error = call->error[0] ? call->error : curl_easy_strerror(code);
    reply.unsent = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    bool dropped = call->state == CALL_DROPPED;
    /* on_reply may drop its own call, so the list must not contain it any more. */
    call->state = CALL_DROPPED;
    if (!dropped)
        call->on_reply(&reply, call->arg);
    call_free(call);
}

static void check_done(http *h)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(h->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        http_call *call = NULL;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, msg->data.result);
    }
}

static void on_socket_ready(int fd, uint32_t events, void *arg)
{
    http *h = arg;
    int running;
    int mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    (void)curl_multi_socket_action(h->multi, fd, mask, &running);
    check_done(h);
}

static void on_time(void *arg)
{
    http *h = arg;
    int running;
    (void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    check_done(h);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    http *h = arg;
    if (what == CURL_POLL_REMOVE) {
        loop_unwatch(h->l, fd);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    return loop_watch(h->l, fd, events, on_socket_ready, h, NULL);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    http *h = arg;
    if (timeout_ms < 0)
        loop_timer_stop(h->l, &h->timer);
    else
        loop_timer_set(h->l, &h->timer, timeout_ms);
    return 0;
}

int http_new(loop *l, const char *host, http **ret, ob_error *err)
{
    http *h = ob_calloc(1, sizeof(*h));
    if (strncmp(host, "unix://", 7) == 0) {
        h->socket = ob_strdup(host + 7);
        h->base = ob_strdup("http://engine");
    } else if (strncmp(host, "tcp://", 6) == 0) {
        h->base = ob_strf("http://%s", host + 6);
    } else {
        free(h);
        return ob_fail(err, EINVAL, "DOCKER_HOST must begin with unix:// or tcp://, not %s", host);
    }
    h->l = l;
    h->timer = (loop_timer){ .fn = on_time, .arg = h };
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    h->multi = curl_multi_init();
    if (!h->multi)
        abort(); /* out of memory */
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    (void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
    *ret = h;
    return 0;
}

void http_free(http *h)
{
    if (!h)
        return;
    http_call *call, *next;
    DL_FOREACH_SAFE(h->calls, call, next)
    {
        call->state = CALL_DROPPED;
        call_free(call);
    }
    (void)curl_multi_cleanup(h->multi);
    loop_timer_stop(h->l, &h->timer);
    curl_global_cleanup();
    free(h->socket);
    free(h->base);
    free(h);
}

static void set_headers(http_call *call, const char *more)
{
    call->headers = curl_slist_append(NULL, "Content-Type: application/json");
    call->headers = curl_slist_append(call->headers, "Expect:");
    if (more)
        call->headers = curl_slist_append(call->headers, more);
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

http_call *http_send(http *h, const http_request *request)
{
    http_call *call = ob_calloc(1, sizeof(*call));
    call->h = h;
    call->on_data = request->on_data;
    call->on_open = request->on_open;
    call->on_reply = request->on_reply;
    call->arg = request->arg;
    call->easy = curl_easy_init();
    if (!call->easy)
        abort(); /* out of memory */
    CURL *easy = call->easy;
    ob_cleanup(ob_freep) char *url = ob_strf("%s%s", h->base, request->path);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    if (h->socket)
        (void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, h->socket);
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->body || strcmp(request->method, "POST") == 0) {
        call->body = request->body ? json_dumps(request->body, JSON_COMPACT) : ob_strdup("");
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
    }
    /* libcurl repeats a request on a kept connection that turns out to be closed. */
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->only_once ? 1L : 0L);
    set_headers(call, request->header);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
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

void http_drop(http_call *call)
{
    if (!call)
        return;
    call->state = CALL_DROPPED;
    call->h->dirty = true;
}

void http_resume(http_call *call)
{
    call->want_resume = true;
    call->h->dirty = true;
}

void http_flush(http *h)
{
    /* Unpausing calls on_data, which may want more. */
    while (h->dirty) {
        h->dirty = false;
        http_call *call, *next;
        DL_FOREACH_SAFE(h->calls, call, next)
        {
            if (call->state == CALL_DROPPED) {
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
