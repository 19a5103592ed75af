/* The HTTP server of the console. */
#pragma once

#include "console.h"

typedef struct web_server web_server;

/* Listens and answers. 'c' must outlive it. Errors: -EMFILE (too many threads),
 * -EADDRINUSE, -EIO. */
int web_server_start(console *c, web_server **ret, ob_error *err);
void web_server_stop(web_server *s);
