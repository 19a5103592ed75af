/* Redis: one connection. Redis holds only figures; no decision depends on it
 * (docs/architecture.md). */
#pragma once

#include <hiredis/hiredis.h>

#include "ob/error.h"
#include "ob/point.h"

typedef struct ob_cache ob_cache;

/* address: a unix socket's path (begins with /) or host:port. password: NULL or text. Does not
 * connect yet. The process must ignore SIGPIPE (ob_service_init does). */
ob_cache *ob_cache_new(const char *address, const char *password, int timeout_ms);
void ob_cache_free(ob_cache *cache);

/* Runs one command; connects or reconnects first. Passes the point; OB_POINT_NONE: it only reads.
 * lens: the length of each of argv, which may contain any bytes; NULL: they are strings. *ret (may
 * be NULL) is new: free it with freeReplyObject. Errors: -EIO (not reachable; retriable), -EPROTO
 * (Redis answered with an error: text). Waits at most timeout_ms. */
int ob_cache_argv(ob_cache *cache,
                  ob_point point,
                  int argc,
                  const char **argv,
                  const size_t *lens,
                  redisReply **ret,
                  ob_error *err);
