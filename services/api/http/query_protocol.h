/* AWS's query protocol, which STS speaks: requests are forms, answers are XML. */
#pragma once

#include <jansson.h>

#include "request/errors.h"

#define QUERY_VERSION "2011-06-15" /* of STS */

/* The members of a form: an object of texts. Errors: -EINVAL with the reply. */
int query_read(const char *form, size_t len, json_t **ret, api_reply *rep);
/* The reply of a form that names no operation of ours. Returns -EINVAL. */
int query_no_action(const json_t *form, api_reply *rep);

/* An answer or, with rep->code, an error. A new text. */
char *query_answer(const char *operation, const api_reply *rep, const char *request_id);
