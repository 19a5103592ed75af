/* Paging tokens: sealed, bound to operation, account and region. */
#pragma once

#include "operation.h"

/* A token for 'position' (any short text). *ret is new: free() it. */
char *page_token_new(const api_request *req, const char *position);

/* The position of a token made by the same operation for the same account and region. *ret is new.
 * Errors: -EINVAL, the reply is a ClientException (garbage, another operation's). */
int page_token_read(const api_request *req, const char *token, char **ret, api_reply *rep);

/* Reads maxResults and nextToken of a request. *ret_position is new, and NULL for the first page
 * (also for an empty token); *ret_max is maxResults, at most 'limit', which is also the default. */
int page_read(api_request *req, int limit, int *ret_max, char **ret_position, api_reply *rep);
