/* The HTTP side: listens, checks signatures, finds the operation, answers. */
#pragma once

#include "ops.h"

typedef struct http_server http_server;

/* Listens on the configured address with a fixed number of threads. Errors: -EADDRINUSE, -EIO.
 * 'ctx' must outlive it. */
int http_start(api_ctx *ctx, http_server **ret, ob_error *err);
/* Stops listening, lets running requests end. */
void http_stop(http_server *server);
