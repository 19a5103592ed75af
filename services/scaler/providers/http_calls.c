/* A provider's HTTP calls. Owns the multi handle and every call until its reply. Waits only in
 * calls_step, for the given time. Invariant: libcurl is not called from its own callbacks; a reply
 * is delivered after the transfer has been removed from the multi handle. Loop thread. */
#include "http_calls.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "ob/buf.h"

#define BODY_MAX (16u << 20)

typedef struct call {
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    ob_buf reply;
    char error[CURL_ERROR_SIZE];
    calls_on_reply on_reply;
    void *arg;
    void (*free_arg)(void *arg);
    struct call *prev, *next;
} call;

struct calls {
    CURLM *multi;
    char *socket;
    call *under_way;
    size_t n;
};

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
    call *one = arg;
    size_t n = size * count;
    if (one->reply.len + n > BODY_MAX)
        return 0;
    ob_buf_add(&one->reply, data, n);
    return n;
}

static void call_free(calls *c, call *one)
{
    DL_DELETE(c->under_way, one);
    c->n--;
    (void)curl_multi_remove_handle(c->multi, one->easy);
    curl_easy_cleanup(one->easy);
    curl_slist_free_all(one->headers);
    if (one->free_arg)
        one->free_arg(one->arg);
    free(one->body);
    ob_buf_done(&one->reply);
    free(one);
}

calls *calls_new(const char *socket)
{
    calls *c = ob_calloc(1, sizeof(*c));
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    c->multi = curl_multi_init();
    if (!c->multi)
        abort();
    c->socket = socket ? ob_strdup(socket) : NULL;
    return c;
}

void calls_free(calls *c)
{
    if (!c)
        return;
    while (c->under_way)
        call_free(c, c->under_way);
    (void)curl_multi_cleanup(c->multi);
    free(c->socket);
    free(c);
}

static void add_header(call *one, const char *name, const char *value)
{
    ob_cleanup(ob_freep) char *line = ob_strf("%s: %s", name, value);
    one->headers = curl_slist_append(one->headers, line);
}

void calls_send(calls *c, const calls_request *request)
{
    call *one = ob_calloc(1, sizeof(*one));
    one->easy = curl_easy_init();
    if (!one->easy)
        abort();
    one->on_reply = request->on_reply;
    one->arg = request->arg;
    one->free_arg = request->free_arg;
    (void)curl_easy_setopt(one->easy, CURLOPT_PRIVATE, one);
    (void)curl_easy_setopt(one->easy, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(one->easy, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(one->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(one->easy, CURLOPT_TIMEOUT, (long)request->timeout_s);
    (void)curl_easy_setopt(one->easy, CURLOPT_ERRORBUFFER, one->error);
    (void)curl_easy_setopt(one->easy, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(one->easy, CURLOPT_WRITEDATA, one);
    if (c->socket)
        (void)curl_easy_setopt(one->easy, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    if (request->body) {
        one->body = ob_strdup(request->body);
        (void)curl_easy_setopt(one->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(one->body));
        (void)curl_easy_setopt(one->easy, CURLOPT_POSTFIELDS, one->body);
        add_header(one, "Content-Type", request->type);
    }
    if (request->sign) {
        (void)curl_easy_setopt(one->easy, CURLOPT_AWS_SIGV4, request->sign);
        (void)curl_easy_setopt(one->easy, CURLOPT_USERPWD, request->userpwd);
    }
    if (request->token)
        add_header(one, "X-Amz-Security-Token", request->token);
    (void)curl_easy_setopt(one->easy, CURLOPT_HTTPHEADER, one->headers);
    DL_APPEND(c->under_way, one);
    c->n++;
    (void)curl_multi_add_handle(c->multi, one->easy);
}

static void answered(calls *c, call *one, CURLcode result)
{
    long status = 0;
    if (result == CURLE_OK)
        (void)curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
    const char *error = one->error[0] ? one->error : curl_easy_strerror(result);
    const calls_reply reply = { .status = (int)status,
                                .body = one->reply.at ? one->reply.at : "",
                                .len = one->reply.len,
                                .error = status ? NULL : error };
    one->on_reply(&reply, one->arg);
    call_free(c, one);
}

void calls_step(calls *c, int wait_ms)
{
    int running = 0, left = 0;
    (void)curl_multi_perform(c->multi, &running);
    if (wait_ms > 0 && running > 0) {
        (void)curl_multi_poll(c->multi, NULL, 0, wait_ms, NULL);
        (void)curl_multi_perform(c->multi, &running);
    }
    for (CURLMsg *msg; (msg = curl_multi_info_read(c->multi, &left)) != NULL;) {
        void *one = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode result = msg->data.result;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &one);
        answered(c, one, result);
    }
}

size_t calls_pending(const calls *c)
{
    return c->n;
}
