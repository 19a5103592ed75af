/* The api without PostgreSQL, Kafka and clients, for fuzz targets: each statement succeeds and
 * finds nothing, a submission is stored nowhere. It is linked with -Wl,--wrap
 * (tests/fuzz/meson.build). It checks what goes out: the texts of statements are valid UTF-8. */
#pragma once

#include "request/operation.h"

/* Made once: no permits are refused, no folder is guarded. */
api_ctx *api_alone(void);

/* A request of the root key for 'op'; body and text are borrowed. Free it with names_done. */
api_request api_alone_request(const api_operation *op, json_t *body, const char *text);

/* An answer as AWS's clients read it: a code that they know, a message, or a body. */
void api_alone_check_reply(int r, const api_reply *rep);
