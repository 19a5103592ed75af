/* What a request asks for, done. */
#pragma once

#include "exchange.h"

/* Takes a request through its checks to its handler. Fills 'rep', and *ret_operation with its
 * operation's name (static) once that is known. Errors: -errno, with rep->code or rep->err;
 * x->left: nobody is to be answered. */
int dispatch(exchange *x, api_reply *rep, const char **ret_operation);
