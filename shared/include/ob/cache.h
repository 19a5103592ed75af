/* Redis: one connection. A view only: nothing is decided from it that PostgreSQL does not say
 * (docs/architecture.md). */
#pragma once

#include <hiredis/hiredis.h>

#include "ob/error.h"

typedef struct ob_cache ob_cache;

/* address: a unix socket's path (begins with /) or host:port. password: NULL or text. Does not
 * connect yet. The process must ignore SIGPIPE (ob_service_init does). */
ob_cache *ob_cache_new(const char *address, const char *password, int timeout_ms);
void ob_cache_free(ob_cache *cache);

/* Runs one command, connecting or reconnecting first. lens: of each of argv, which may hold any
 * bytes; NULL: they are texts. *ret (may be NULL) is new: freeReplyObject it. Errors: -EIO (away;
 * retriable), -EPROTO (Redis answered an error: text). Bounded by timeout_ms. */
int ob_cache_argv(ob_cache *cache,
                  int argc,
                  const char **argv,
                  const size_t *lens,
                  redisReply **ret,
                  ob_error *err);
