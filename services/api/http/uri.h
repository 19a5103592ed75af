/* Members of a request that stand in its URI. */
#pragma once

#include <jansson.h>

#include "request/errors.h"

/* Puts into 'body' what stands behind 'prefix' in 'path', percent-decoded, as the member 'name',
 * and each list member that the query string names ("tagKeys=a&tagKeys=b%20c" becomes a list).
 * query: NULL when there is none. Errors: -EINVAL with the reply (no UTF-8, a NUL). */
int uri_members(const char *path,
                const char *prefix,
                const char *name,
                const char *query,
                json_t *body,
                api_reply *rep);
