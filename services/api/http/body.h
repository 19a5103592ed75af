/* The body of a request. */
#pragma once

#include "exchange.h"

/* Reads the body into the worker's memory and adds a NUL. Errors: with the reply; if nothing after
 * the body can be read, the connection must be closed. */
int body_read(exchange *x, api_reply *rep);
