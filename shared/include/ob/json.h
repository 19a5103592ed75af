/* JSON from outside. The api checks what is in it by tables of its own (services/api/fields.h). */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "ob/error.h"

/* jansson with limits: depth, duplicate keys allowed (last wins), body size checked by the caller.
 */
int ob_json_parse(const char *data, size_t len, json_t **ret, ob_error *err);
