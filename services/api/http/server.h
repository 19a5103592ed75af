/* The HTTP side: listens, checks signatures, finds the operation, answers. */
#pragma once

#include "request/operation.h"

typedef struct http_server http_server;

/* Listens on the configured address with a fixed number of threads. Whoever connects waits until
 * http_serve. Errors: -EADDRINUSE, -EIO. 'ctx' must outlive it. */
int http_start(api_ctx *ctx, http_server **ret, ob_error *err);
/* From now on clients are answered; again: nothing. Errors: -errno. The thread that started it. */
int http_serve(http_server *server, ob_error *err);
/* Accepts no more, and waits until those that were accepted have their answers; idle connections
 * are closed. Returns a new descriptor of the listening socket, for whoever serves it next. */
int http_drain(http_server *server);
/* Stops listening, lets running requests end. */
void http_stop(http_server *server);
