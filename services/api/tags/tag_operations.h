/* The operations on tags: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation tag_operations[]; /* ends with key == NULL */

int op_change_tags(api_request *req, api_reply *rep); /* TagResource and UntagResource */
int op_list_tags_for_resource(api_request *req, api_reply *rep);
