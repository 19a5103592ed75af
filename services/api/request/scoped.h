/* Statements about what is the caller's: their first parameters are its account and region. */
#pragma once

#include "operation.h"

/* Declares parameters that begin so. */
#define SCOPED(p, req)                                                                             \
    ob_cleanup(ob_params_done) ob_params p = { 0 };                                                \
    ob_param_text(&p, (req)->account);                                                             \
    ob_param_text(&p, (req)->region)

/* Runs 'named' ($3: names) when there are names (not NULL), else 'page' ($3: ids above 'after', $4:
 * so many). */
int scoped_list(api_request *req,
                const char *named,
                const char *page,
                const char *const *names,
                size_t n,
                int64_t after,
                int limit,
                PGresult **ret,
                ob_error *err);
