/* A request as it was received, and the signature that it claims. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct sigv4_header {
    const char *name; /* any case */
    const char *value;
} sigv4_header;

/* A request as it came over the wire. */
typedef struct sigv4_request {
    const char *method;
    const char *path;  /* still percent-encoded, without the query */
    const char *query; /* after '?', or NULL */
    const sigv4_header *headers;
    size_t n_headers;
    const char *body;
    size_t body_len;
} sigv4_request;

/* The parsed Authorization header. Texts point into the header's value unless copied. */
typedef struct sigv4_auth {
    char key_id[129];
    char date[9]; /* YYYYMMDD */
    char region[65];
    char service[33];
    const char *signed_headers;
    size_t signed_headers_len;
    char signature[65];
    char time[17]; /* YYYYMMDDTHHMMSSZ, of X-Amz-Date or Date */
    int64_t time_s;
} sigv4_auth;

/* Why a request is not accepted; errors.c's names. */
typedef struct sigv4_refusal {
    const char *code;
    char message[512];
} sigv4_refusal;

/* Reads Authorization and the date. Errors: -EACCES with *refusal filled:
 * MissingAuthenticationTokenException, IncompleteSignatureException. Does not check the
 * signature. */
int sigv4_read(const sigv4_request *req, sigv4_auth *ret, sigv4_refusal *refusal);

/* Fills 'refusal'. Returns -EACCES. */
__attribute__((format(printf, 3, 4))) int
sigv4_refuse(sigv4_refusal *refusal, const char *code, const char *fmt, ...);

/* The first header of this name, in any case; NULL: none. Borrowed. */
const char *sigv4_header_value(const sigv4_request *req, const char *name);

/* Seconds since 1970 as YYYYMMDDTHHMMSSZ. */
void sigv4_time_text(int64_t t, char out[17]);
