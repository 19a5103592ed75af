/* An engine's answer as text. */
#pragma once

#include <jansson.h>

#include "ob/http.h"

#define DOCKER_ERROR_MAX 1024

/* An engine's error text ({"message": …}) or the transport's, complete. Each value of 'hidden'
 * (secrets, by name; NULL: none) is hidden in it before it can be cut. The caller frees it. */
char *docker_error_dup(const ob_http_reply *reply, const json_t *hidden);
/* The same, cut to a buffer; for answers to requests that contained no secret. Returns buf. */
const char *docker_error_text(const ob_http_reply *reply, char *buf, size_t size);
