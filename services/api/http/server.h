/* The HTTP side: listens, checks signatures, finds the operation, answers. */
#pragma once

#include "request/operation.h"

typedef struct http_server http_server;

/* Listens on the configured address with a fixed number of threads. Clients that connect wait until
 * http_serve. Errors: -EADDRINUSE, -EIO. 'ctx' must outlive it. */
int http_start(api_ctx *ctx, http_server **ret, ob_error *err);
/* From now on clients are answered; a second call does nothing. Errors: -errno. Thread: the one
 * that started it. */
int http_serve(http_server *server, ob_error *err);
/* Accepts no more connections and waits until the accepted ones have their answers; idle ones are
 * closed. Returns a new descriptor of the listening socket for the next program. */
int http_drain(http_server *server);
/* Stops listening, lets running requests end. */
void http_stop(http_server *server);
