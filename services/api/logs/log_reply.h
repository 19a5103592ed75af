/* The common part of the operations of CloudWatch Logs. */
#pragma once

#include "log_store.h"
#include "request/arn.h"
#include "request/operation.h"

#define LOG_ARN_MAX 1200

/* 400 InvalidParameterException. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int log_invalid(api_reply *rep, const char *fmt, ...);
int log_bad_token(api_reply *rep);
/* 400 ResourceNotFoundException; what: "group" or "stream". Returns -EINVAL. */
int log_missing(api_reply *rep, const char *what);

/* The group in the request, by logGroupName or logGroupIdentifier (a name or an ARN); it belongs to
 * the request. */
int log_group_of(const api_request *req, const char **ret, api_reply *rep);
/* Refuses a group that does not exist. */
int log_group_check(api_request *req, const char *group, api_reply *rep);

void log_group_arn(const api_request *req, const char *group, char out[LOG_ARN_MAX]);

/* A message in the form in which it is shown: bytes that are not UTF-8 become U+FFFD; NUL and
 * control characters stay. */
json_t *log_text(const void *bytes, size_t len);
