/* AWS Signature Version 4, the server's side. */
#pragma once

#include "sigv4_read.h"

/* One for each thread: fetched algorithms and the day's signing keys. */
typedef struct sigv4_ctx sigv4_ctx;
sigv4_ctx *sigv4_new(void);
void sigv4_free(sigv4_ctx *ctx);

/* Checks scope, clock (at most 5 minutes apart), signed headers, payload hash and signature.
 * service: the name that the credential scope must have. Errors: -EACCES:
 * InvalidSignatureException. */
int sigv4_verify(sigv4_ctx *ctx,
                 const sigv4_request *req,
                 const sigv4_auth *auth,
                 const char *service,
                 const char *secret,
                 int64_t now_s,
                 sigv4_refusal *refusal);

/* A step of it, for tests. */
void sigv4_signature(sigv4_ctx *ctx,
                     const sigv4_auth *auth,
                     const char *secret,
                     const char *string_to_sign,
                     char ret_hex[65]);
