/* AWS Signature Version 4, the server's side. */
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

/* What the Authorization header says. Texts point into that header's value unless copied. */
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

/* One a thread: fetched algorithms and the day's signing keys. */
typedef struct sigv4_ctx sigv4_ctx;
sigv4_ctx *sigv4_new(void);
void sigv4_free(sigv4_ctx *ctx);

/* Reads Authorization and the date. Errors: -EACCES with *refusal filled:
 * MissingAuthenticationTokenException, IncompleteSignatureException. Tells nothing about whether
 * the signature is right. */
int sigv4_read(const sigv4_request *req, sigv4_auth *ret, sigv4_refusal *refusal);

/* Checks scope, clock (at most 5 minutes apart), signed headers, payload hash and signature.
 * service: the name that the credential scope must carry. Errors: -EACCES:
 * InvalidSignatureException. */
int sigv4_verify(sigv4_ctx *ctx,
                 const sigv4_request *req,
                 const sigv4_auth *auth,
                 const char *service,
                 const char *secret,
                 int64_t now_s,
                 sigv4_refusal *refusal);

/* The steps, for tests. Each *ret is new. */
char *sigv4_canonical_request(const sigv4_request *req, const sigv4_auth *auth);
char *sigv4_string_to_sign(const sigv4_auth *auth, const char *canonical_request);
void sigv4_signature(sigv4_ctx *ctx,
                     const sigv4_auth *auth,
                     const char *secret,
                     const char *string_to_sign,
                     char ret_hex[65]);
