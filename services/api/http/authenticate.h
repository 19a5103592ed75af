/* Who sends a request? */
#pragma once

#include "auth/keys.h"
#include "sigv4.h"

/* The signature's parts, and the key or session that made it. */
typedef struct caller {
    sigv4_auth auth; /* filled first: what the request claims, if it is refused */
    api_key key;
} caller;
/* Forgets the secret. */
void caller_done(caller *c);

/* Finds the key, or opens the session's token, and checks the signature. Zero-initialise *ret.
 * service: the name that the credential scope must have. Errors: -EACCES with the reply; others
 * without a code: the database's. Thread: an HTTP worker. */
int authenticate(api_ctx *ctx,
                 sigv4_ctx *sigv4,
                 const sigv4_request *request,
                 const char *service,
                 int64_t now_s,
                 caller *ret,
                 api_reply *rep);
