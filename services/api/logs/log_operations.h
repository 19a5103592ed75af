/* The operations on output: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation log_operations[]; /* ends with key == NULL */

int op_get_log_events(api_request *req, api_reply *rep);
int op_filter_log_events(api_request *req, api_reply *rep);
int op_describe_log_groups(api_request *req, api_reply *rep);
int op_describe_log_streams(api_request *req, api_reply *rep);
