/* See http_script.h. */
#include "http_script.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct ob_http_call {
    ob_http_request request; /* its texts are not kept */
    char *line;
    bool dropped, sent, waits;
    struct ob_http_call *prev, *next;
};

struct ob_http {
    ob_http_call *calls;
};

void (*script_on_send)(const char *line);
static ob_http *the_http;

__typeof__(ob_http_new) __wrap_ob_http_new;
__typeof__(ob_http_free) __wrap_ob_http_free;
__typeof__(ob_http_aim) __wrap_ob_http_aim;
__typeof__(ob_http_send) __wrap_ob_http_send;
__typeof__(ob_http_drop) __wrap_ob_http_drop;
__typeof__(ob_http_resume) __wrap_ob_http_resume;
__typeof__(ob_http_flush) __wrap_ob_http_flush;
__typeof__(ob_http_step) __wrap_ob_http_step;
__typeof__(ob_http_busy) __wrap_ob_http_busy;
__typeof__(ob_http_fd) __wrap_ob_http_fd;
__typeof__(ob_http_ready) __wrap_ob_http_ready;

static void call_free(ob_http_call *call)
{
    if (call->request.free_arg)
        call->request.free_arg(call->request.arg);
    free(call->line);
    free(call);
}

int __wrap_ob_http_new(const ob_http_options *options, ob_http **ret, ob_error *err)
{
    (void)options, (void)err;
    *ret = the_http = ob_calloc(1, sizeof(**ret));
    return 0;
}

void __wrap_ob_http_free(ob_http *h)
{
    ob_http_call *call, *next;
    if (!h)
        return;
    DL_FOREACH_SAFE(h->calls, call, next)
    {
        DL_DELETE(h->calls, call);
        call_free(call);
    }
    free(h);
    the_http = NULL;
}

void __wrap_ob_http_aim(ob_http *h, const char *base, const ob_http_tls *tls)
{
    (void)h, (void)base, (void)tls;
}

ob_http_call *__wrap_ob_http_send(ob_http *h, ob_point point, const ob_http_request *request)
{
    (void)point;
    ob_http_call *call = ob_calloc(1, sizeof(*call));
    call->request = *request;
    call->line = ob_strf("%s %s", request->method, request->path);
    DL_APPEND(h->calls, call);
    return call;
}

void __wrap_ob_http_drop(ob_http_call *call)
{
    if (call)
        call->dropped = true;
}

void __wrap_ob_http_resume(ob_http_call *call)
{
    call->waits = false;
}

void __wrap_ob_http_flush(ob_http *h)
{
    ob_http_call *call, *next;
    DL_FOREACH_SAFE(h->calls, call, next)
    {
        if (call->dropped) {
            DL_DELETE(h->calls, call);
            call_free(call);
        } else if (!call->sent) {
            call->sent = true;
            if (script_on_send)
                script_on_send(call->line);
        }
    }
}

void __wrap_ob_http_step(ob_http *h, int wait_ms)
{
    (void)wait_ms;
    __wrap_ob_http_flush(h);
}

bool __wrap_ob_http_busy(const ob_http *h)
{
    return h->calls != NULL;
}

int __wrap_ob_http_fd(const ob_http *h)
{
    (void)h;
    return -1;
}

void __wrap_ob_http_ready(ob_http *h)
{
    (void)h;
}

/* ---- for tests ---- */

static bool is_open(const ob_http_call *call)
{
    return call->sent && !call->dropped;
}

size_t script_calls(void)
{
    size_t n = 0;
    ob_http_call *call;
    DL_FOREACH(the_http->calls, call)
    n += is_open(call);
    return n;
}

script_call *script_call_at(size_t i)
{
    ob_http_call *call;
    DL_FOREACH(the_http->calls, call)
    if (is_open(call) && i-- == 0)
        return (script_call *)call;
    return NULL;
}

const char *script_call_line(const script_call *call)
{
    return ((const ob_http_call *)call)->line;
}

bool script_call_streams(const script_call *call)
{
    return ((const ob_http_call *)call)->request.on_data != NULL;
}

void script_data(script_call *to, const char *data, size_t len)
{
    ob_http_call *call = (ob_http_call *)to;
    if (call->request.on_open)
        call->request.on_open(call->request.arg);
    call->request.on_open = NULL;
    if (!call->dropped && !call->waits && call->request.on_data && len > 0)
        call->waits = !call->request.on_data(data, len, call->request.arg);
}

void script_reply(script_call *to, int status, const char *body, size_t len, bool unsent)
{
    ob_http_call *call = (ob_http_call *)to;
    const ob_http_reply reply = { .status = status,
                                  .body = body,
                                  .len = len,
                                  .error = status ? NULL : "the connection broke",
                                  .unsent = unsent };
    DL_DELETE(the_http->calls, call);
    call->request.on_reply(&reply, call->request.arg);
    call_free(call);
}
