/* The operations on job definitions: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation definition_operations[]; /* ends with key == NULL */

int op_register_job_definition(api_request *req, api_reply *rep);
int op_describe_job_definitions(api_request *req, api_reply *rep);
int op_deregister_job_definition(api_request *req, api_reply *rep);
