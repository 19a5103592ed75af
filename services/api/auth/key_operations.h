/* The operations on access keys: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation key_operations[]; /* ends with key == NULL */

int op_create_key(api_request *req, api_reply *rep);
int op_list_keys(api_request *req, api_reply *rep);
int op_revoke_key(api_request *req, api_reply *rep);
int op_put_key_policy(api_request *req, api_reply *rep);
int op_check_access(api_request *req, api_reply *rep);
