/* The reply, and AWS's exceptions, which appear nowhere else. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "ob/error.h"

typedef struct api_reply {
    int status;   /* 0 = 200 */
    json_t *body; /* owned by the reply, or NULL */
    char *raw;    /* instead of body: ready JSON text, malloc'ed, owned by the reply */
    size_t raw_len;
    const char *code;   /* exception name: an error. A literal */
    char message[8192]; /* long: AWS lists every instance type in one */
    ob_error err;       /* the error of a failed call, if code is NULL */
} api_reply;

void api_reply_done(api_reply *rep);

/* All return a negative errno, so that handlers and their helpers do `return api_client_error(rep,
 * ...);`. */

/* 400 ClientException: for every mistake of a caller. */
__attribute__((format(printf, 2, 3))) int api_client_error(api_reply *rep, const char *fmt, ...);
/* The same in AWS's long form: "Error executing request, Exception : <text>, RequestId: <id>". AWS
 * uses it for validation errors. */
__attribute__((format(printf, 3, 4))) int
api_client_error_long(api_reply *rep, const char *request_id, const char *fmt, ...);
/* 409 ClientException: "Object already exists". */
int api_conflict(api_reply *rep);
/* Any other: status and a literal code. */
__attribute__((format(printf, 4, 5))) int
api_error(api_reply *rep, int status, const char *code, const char *fmt, ...);

/* Turns a failed call (r < 0, rep->err, no code) into an exception: 503 if retriable, else 500
 * ServerException with a text that reveals no internals. */
void api_error_from(api_reply *rep, int r);

/* The error body: {"message": ...}, for the Logs protocol with "__type". *ret is new. */
json_t *api_error_body(const api_reply *rep, int logs_protocol);
