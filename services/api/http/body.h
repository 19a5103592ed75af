/* The body of a request. */
#pragma once

#include "exchange.h"

/* Reads it into the worker's memory, with a NUL behind. Errors: with the reply, where nothing can
 * be read behind it the connection is to be closed. */
int body_read(exchange *x, api_reply *rep);
