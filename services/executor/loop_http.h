/* An HTTP client (ob/http.h) that the event loop drives. Its calls go out with ob_http_flush. */
#pragma once

#include "event_loop.h"
#include "ob/http.h"

int loop_http_new(loop *l, const ob_http_options *options, ob_http **ret, ob_error *err);
void loop_http_free(loop *l, ob_http *h);
