/* The operations on scheduling policies: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation policy_operations[]; /* ends with key == NULL */

int op_create_scheduling_policy(api_request *req, api_reply *rep);
int op_update_scheduling_policy(api_request *req, api_reply *rep);
int op_delete_scheduling_policy(api_request *req, api_reply *rep);
int op_describe_scheduling_policies(api_request *req, api_reply *rep);
int op_list_scheduling_policies(api_request *req, api_reply *rep);
