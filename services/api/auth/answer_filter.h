/* Which parts of an answer may this key see? */
#pragma once

#include "request/operation.h"

/* Call it after a handler's success: removes from the answer what the key may not see. */
int access_filter(api_request *req, api_reply *rep);
