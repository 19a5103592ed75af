/* HTTP calls of a provider: many at once, without waiting. libcurl's multi interface, driven by the
 * scaler's loop through calls_step. Loop thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"

typedef struct calls calls;

typedef struct calls_reply {
    int status;       /* 0: no whole answer; 'error' says why */
    const char *body; /* NUL-terminated */
    size_t len;
    const char *error;
} calls_reply;

/* The call has ended. May send others. */
typedef void (*calls_on_reply)(const calls_reply *reply, void *arg);

typedef struct calls_request {
    const char *method;  /* "POST" */
    const char *url;     /* http://... ; copied, as all the rest */
    const char *body;    /* NULL: none */
    const char *type;    /* of the body */
    const char *sign;    /* CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:ec2"; NULL: not signed */
    const char *userpwd; /* "key:secret" for 'sign' */
    const char *token;   /* x-amz-security-token, or NULL */
    int timeout_s;
    calls_on_reply on_reply;
    void *arg;
    void (*free_arg)(void *arg); /* called once, after on_reply or when the call is dropped */
} calls_request;

/* socket: path of a unix socket that all calls go through, or NULL. */
calls *calls_new(const char *socket);
/* Drops the calls in progress: no on_reply follows. */
void calls_free(calls *c);
void calls_send(calls *c, const calls_request *request);
/* Advances all calls; their on_reply is called from here. wait_ms: the longest wait for something
 * to happen. */
void calls_step(calls *c, int wait_ms);
/* The number of calls in progress. */
size_t calls_pending(const calls *c);
