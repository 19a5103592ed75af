/* What authorisation asks the database. */
#pragma once

#include <jansson.h>

#include "request/operation.h"

/* A job of the caller's scope: its queue's ARN (new) and its tags (new, NULL: none). Errors:
 * -ENOENT; database errors. */
int access_store_job(
    api_request *req, const ob_uuid *id, char **ret_queue, json_t **ret_tags, ob_error *err);
/* The same of the job that wrote a log stream. Errors: -ENOENT (no such stream), -ENODATA (which
 * job that was is not known any more). */
int access_store_stream(api_request *req,
                        const char *group,
                        const char *stream,
                        char **ret_queue,
                        json_t **ret_tags,
                        ob_error *err);
/* The tags of an environment, queue, definition, scheduling policy or job by its ARN: *ret is new,
 * NULL: none. Errors: -ENOENT; database errors. */
int access_store_tags(api_request *req, const char *arn, json_t **ret, ob_error *err);
