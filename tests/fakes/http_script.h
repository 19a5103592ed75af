/* ob/http.h without a network: calls wait until a test answers them. Linked with -Wl,--wrap of
 * ob_http_new, _free, _aim, _send, _drop, _resume, _flush, _step, _busy, _fd and _ready
 * (tests/fuzz/meson.build). One client at a time. */
#pragma once

#include "ob/http.h"

typedef struct script_call script_call;

/* Calls that were sent and have not ended. */
size_t script_calls(void);
script_call *script_call_at(size_t i);
/* "POST /v1.41/containers/..."; valid until the call ends. */
const char *script_call_line(const script_call *call);
/* Does the call take a body in parts? */
bool script_call_streams(const script_call *call);

/* A part of a body with status 200. */
void script_data(script_call *call, const char *data, size_t len);
/* Ends the call; status 0: there was no answer. unsent: nothing was sent. */
void script_reply(script_call *call, int status, const char *body, size_t len, bool unsent);

/* Called for each call that is sent. NULL: none. */
extern void (*script_on_send)(const char *line);
