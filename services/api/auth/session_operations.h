/* The operations on sessions: their table, and their handlers (op_sessions.c). */
#pragma once

#include "request/operation.h"

extern const api_operation session_operations[]; /* ends with key == NULL */

int op_create_session(api_request *req, api_reply *rep);
int op_get_session_token(api_request *req, api_reply *rep);
int op_get_caller_identity(api_request *req, api_reply *rep);
