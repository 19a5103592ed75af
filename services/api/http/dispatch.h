/* Executes a request. */
#pragma once

#include "exchange.h"

/* Checks a request and calls its handler. Fills 'rep', and x->audit with what is known of it.
 * Errors: -errno, with rep->code or rep->err; x->left: the client has gone, so nothing is
 * answered. */
int dispatch(exchange *x, api_reply *rep);
