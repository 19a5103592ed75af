/* The operation on the copy itself: its table, and its handler. */
#pragma once

#include "request/operation.h"

extern const api_operation system_operations[]; /* ends with key == NULL */

int op_describe_system(api_request *req, api_reply *rep);
