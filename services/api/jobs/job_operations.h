/* The operations on jobs: their table, and their handlers (op_*.c). */
#pragma once

#include "request/operation.h"

#define ARRAY_BARS_MAX 100 /* DescribeArrayTimes */

extern const api_operation job_operations[]; /* ends with key == NULL */

int op_submit_job(api_request *req, api_reply *rep);
int op_describe_jobs(api_request *req, api_reply *rep);
int op_describe_array(api_request *req, api_reply *rep);
int op_describe_array_times(api_request *req, api_reply *rep);
int op_describe_attempts(api_request *req, api_reply *rep);
int op_list_dependents(api_request *req, api_reply *rep);
int op_list_jobs(api_request *req, api_reply *rep);
int op_stop_jobs(api_request *req, api_reply *rep);
int op_describe_stop(api_request *req, api_reply *rep);
int op_cancel_job(api_request *req, api_reply *rep);
int op_terminate_job(api_request *req, api_reply *rep);
int op_cancel_jobs(api_request *req, api_reply *rep);
int op_terminate_jobs(api_request *req, api_reply *rep);
