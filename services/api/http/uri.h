/* Members of a request that are in its URI. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "request/errors.h"

/* Adds to 'body' the percent-decoded text after 'prefix' in 'path' as the member 'name', and each
 * list member in the query string ("tagKeys=a&tagKeys=b%20c" becomes a list). query: NULL if there
 * is none. Errors: -EINVAL with the reply (not UTF-8, a NUL). */
int uri_members(const char *path,
                const char *prefix,
                const char *name,
                const char *query,
                json_t *body,
                api_reply *rep);

/* Percent-decoded. plus: '+' means a space. New; NULL: it is not UTF-8, or contains NUL. */
json_t *uri_text(const char *text, size_t len, bool plus);
