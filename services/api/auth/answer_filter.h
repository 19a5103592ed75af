/* What of an answer may this key see? */
#pragma once

#include "request/operation.h"

/* After a handler's success: leaves out of the answer what the key may not see. */
int access_filter(api_request *req, api_reply *rep);
