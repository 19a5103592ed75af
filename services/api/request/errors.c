/* Maps errors to AWS's exceptions. Only this file has their names, codes and the form of an error
 * body (AWS Batch API reference, "Common Errors"). Reveals no internals to callers. Pure except for
 * memory: any thread. */
#include "errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/json.h"
#include "ob/text.h"

void api_reply_done(api_reply *rep)
{
    json_decref(rep->body);
    free(rep->raw);
    memset(rep, 0, sizeof *rep);
}

__attribute__((format(printf, 4, 0))) static void
fill(api_reply *rep, int status, const char *code, const char *fmt, va_list args)
{
    json_decref(rep->body);
    rep->body = NULL;
    free(rep->raw);
    rep->raw = NULL;
    rep->status = status;
    rep->code = code;
    ob_text_vformat(rep->message, sizeof rep->message, fmt, args);
}

int api_client_error(api_reply *rep, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fill(rep, 400, "ClientException", fmt, args);
    va_end(args);
    return -EINVAL;
}

int api_client_error_long(api_reply *rep, const char *request_id, const char *fmt, ...)
{
    ob_cleanup(ob_freep) char *text = NULL; /* not on the stack: it is long, and called deep */
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    return api_client_error(rep, "Error executing request, Exception : %.*s, RequestId: %s",
                            (int)sizeof rep->message - 128, text, request_id);
}

int api_conflict(api_reply *rep)
{
    (void)api_client_error(rep, "Object already exists");
    rep->status = 409;
    return -EEXIST;
}

int api_error(api_reply *rep, int status, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fill(rep, status, code, fmt, args);
    va_end(args);
    return -EINVAL;
}

void api_error_from(api_reply *rep, int r)
{
    (void)r;
    if (rep->err.retriable)
        (void)api_error(rep, 503, "ServerException",
                        "The service is temporarily unavailable; try again.");
    else
        (void)api_error(rep, 500, "ServerException", "The request could not be carried out.");
}

json_t *api_error_body(const api_reply *rep, int logs_protocol)
{
    json_t *body = json_object();
    if (logs_protocol)
        (void)json_object_set_new(body, "__type", json_string(rep->code));
    (void)json_object_set_new(body, "message", ob_json_text(rep->message));
    return body;
}
