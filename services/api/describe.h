/* What the Describe operations have in common: a list of names, or pages of all. */
#pragma once

#include "arn.h"
#include "ops.h"

/* Names out of a list of names and ARNs of 'kind'; what cannot be the caller's is left out (AWS:
 * unknown names are). Borrowed from the body; *ret is new. Refuses names together with paging:
 * "<what> and MaxResults cannot both be set". */
int describe_names(api_request *req,
                   const char *member,
                   const char *what,
                   const char *kind,
                   const char ***ret,
                   size_t *ret_n,
                   api_reply *rep);
