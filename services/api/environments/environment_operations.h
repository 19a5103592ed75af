/* The operations on compute environments, and on their instances: their table, and their handlers
 * (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation environment_operations[]; /* ends with key == NULL */

int op_create_compute_environment(api_request *req, api_reply *rep);
int op_update_compute_environment(api_request *req, api_reply *rep);
int op_describe_compute_environments(api_request *req, api_reply *rep);
int op_delete_compute_environment(api_request *req, api_reply *rep);
int op_list_instances(api_request *req, api_reply *rep);
int op_describe_instance(api_request *req, api_reply *rep);
int op_get_compute_environment_usage(api_request *req, api_reply *rep);
int op_interrupt_instance(api_request *req, api_reply *rep);
int op_create_join_token(api_request *req, api_reply *rep);
