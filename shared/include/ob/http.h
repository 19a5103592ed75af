/* An HTTP client: libcurl's multi interface, many calls at once, no thread. Its owner drives it:
 * with an event loop that watches ob_http_fd, or with ob_http_step from time to time. Calls may be
 * made and dropped anywhere, also in callbacks; ob_http_flush sends them. One owner thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"
#include "ob/http_tls.h"
#include "ob/point.h"

typedef struct ob_http ob_http;
typedef struct ob_http_call ob_http_call;

typedef struct ob_http_options {
    const char *base;      /* what all paths follow: http://host; copied */
    const char *socket;    /* path of a unix socket that all calls go through; copied; NULL: none */
    size_t body_max;       /* bytes; a call whose collected body is longer fails */
    long idle_connections; /* the most that are kept; 0: libcurl's own limit */
    bool proxy;            /* uses the proxy that the environment names */
    const ob_http_tls *tls; /* copied; NULL: as the host does with all servers */
    int keepalive_s;        /* a silent connection is asked for life after so long; 0: never */
} ob_http_options;

typedef struct ob_http_reply {
    int status;       /* 0: no (whole) answer, 'error' says why */
    const char *body; /* NUL-terminated; empty when the call has on_data */
    size_t len;
    const char *error; /* text for a person, when status is 0 */
    int retry_after_s; /* of the header Retry-After, at most an hour; 0: none */
    bool unsent;       /* nothing listened at the socket, so nothing of the request was sent */
} ob_http_reply;

/* The call has ended and is gone. May send others, and drop any. */
typedef void (*ob_http_on_reply)(const ob_http_reply *reply, void *arg);
/* A part of a body with status 200. false: not accepted, wait for ob_http_resume. It may call only
 * ob_http_send, ob_http_drop and ob_http_resume of this module. */
typedef bool (*ob_http_on_data)(const char *data, size_t len, void *arg);
/* The headers of an answer with status 200 have arrived. It may call what on_data may. */
typedef void (*ob_http_on_open)(void *arg);

/* All is copied but 'arg'. */
typedef struct ob_http_request {
    const char *method;
    const char *path;        /* what follows 'base' */
    const json_t *json;      /* the body; NULL: 'body' */
    const char *body;        /* NULL: none */
    const char *type;        /* of the body; NULL: application/json */
    const char *header;      /* one more line; NULL: none */
    const char *const *more; /* further lines, NULL at the end; NULL: none */
    const char *sign;        /* CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:ec2"; NULL: not signed */
    const char *userpwd;     /* "key:secret" for 'sign' */
    int timeout_s;           /* 0: none */
    bool reads;              /* it changes nothing that lasts, although it is not a GET */
    bool only_once;          /* never sent again by itself when the connection breaks */
    ob_http_on_data on_data; /* NULL: the body is collected */
    ob_http_on_open on_open; /* may be NULL */
    ob_http_on_reply on_reply;
    void *arg;
    void (*free_arg)(void *arg); /* NULL: none; called once, after on_reply or the drop */
} ob_http_request;

int ob_http_new(const ob_http_options *options, ob_http **ret, ob_error *err);
/* Drops all calls. Not from a callback. */
void ob_http_free(ob_http *h);
/* Where calls go that are sent from now on, and with what certificates; both are copied. Calls on
 * their way are left alone. */
void ob_http_aim(ob_http *h, const char *base, const ob_http_tls *tls);

/* Passes the point: before now, after when an answer has come, before on_reply. OB_POINT_NONE: only
 * with GET and 'reads'. */
ob_http_call *ob_http_send(ob_http *h, ob_point point, const ob_http_request *request);
/* Ends a call: no callback follows. NULL is fine. */
void ob_http_drop(ob_http_call *call);
void ob_http_resume(ob_http_call *call);
/* Sends, drops and resumes what was asked for. Not from on_data and on_open. */
void ob_http_flush(ob_http *h);
/* Are there calls that have not ended? */
bool ob_http_busy(const ob_http *h);

/* For an event loop: readable when ob_http_ready has something to do. */
int ob_http_fd(const ob_http *h);
/* Advances the calls that something has happened to, without waiting; callbacks run from here. */
void ob_http_ready(ob_http *h);
/* Without a loop: flushes, and advances all calls. wait_ms: the longest wait for something to
 * happen. */
void ob_http_step(ob_http *h, int wait_ms);
