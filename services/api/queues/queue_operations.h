/* The operations on job queues: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

extern const api_operation queue_operations[]; /* ends with key == NULL */

int op_create_job_queue(api_request *req, api_reply *rep);
int op_update_job_queue(api_request *req, api_reply *rep);
int op_describe_job_queues(api_request *req, api_reply *rep);
int op_delete_job_queue(api_request *req, api_reply *rep);
int op_get_job_queue_snapshot(api_request *req, api_reply *rep);
int op_count_jobs(api_request *req, api_reply *rep);
int op_get_job_queue_usage(api_request *req, api_reply *rep);
