/* HTTP to a container engine on the event loop: libcurl's multi interface, many calls at once, no
 * thread. Calls may be made and dropped anywhere in the loop; http_flush sends them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "event_loop.h"
#include "ob/error.h"

typedef struct http http;
typedef struct http_call http_call;

typedef struct http_reply {
    int status;       /* 0: no (whole) answer, 'error' says why */
    const char *body; /* NUL-terminated; empty when the call has on_data */
    size_t len;
    const char *error; /* text for a person, when status is 0 */
    bool unsent;       /* nothing listened at the socket, so nothing of the request was sent */
} http_reply;

/* The call has ended and is gone. */
typedef void (*http_on_reply)(const http_reply *reply, void *arg);
/* A part of a body with status 200. false: not accepted, wait for http_resume. It may call only
 * http_send, http_drop and http_resume of this module. */
typedef bool (*http_on_data)(const char *data, size_t len, void *arg);
/* The headers of an answer with status 200 have arrived. */
typedef void (*http_on_open)(void *arg);

typedef struct http_request {
    const char *method;
    const char *path;     /* copied */
    const json_t *body;   /* NULL: none */
    const char *header;   /* one more line; copied; NULL: none */
    int timeout_s;        /* 0: none */
    bool only_once;       /* never sent again by itself when the connection breaks */
    http_on_data on_data; /* NULL: the body is collected */
    http_on_open on_open; /* may be NULL */
    http_on_reply on_reply;
    void *arg;
} http_request;

/* host: unix:///path or tcp://name:port. */
int http_new(loop *l, const char *host, http **ret, ob_error *err);
/* Ends all calls without a reply. */
void http_free(http *h);

http_call *http_send(http *h, const http_request *request);
/* Ends a call: no callback follows. */
void http_drop(http_call *call);
void http_resume(http_call *call);
void http_flush(http *h);
