/* HTTP to a container engine on the event loop: libcurl's multi interface, many calls at once, no
 * thread. Calls may be made and dropped from anywhere in the loop; they go out with http_flush. */
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
    bool unsent;       /* nobody was there to take it: nothing of the request went out */
} http_reply;

/* The call has ended and is gone. */
typedef void (*http_on_reply)(const http_reply *reply, void *arg);
/* Part of a body with status 200. false: nothing was taken, wait for http_resume. Must not call
 * anything of http but http_send, http_drop and http_resume. */
typedef bool (*http_on_data)(const char *data, size_t len, void *arg);
/* The head of an answer with status 200 has come. */
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
