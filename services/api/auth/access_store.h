/* The statements of authorisation. */
#pragma once

#include <jansson.h>

#include "request/operation.h"

/* A job in the caller's scope: its queue's ARN (new) and its tags (new, NULL: none). Errors:
 * -ENOENT; database errors. */
int access_store_job(
    api_request *req, const ob_uuid *id, char **ret_queue, json_t **ret_tags, ob_error *err);
/* The same for the job that wrote a log stream. Errors: -ENOENT (the stream does not exist),
 * -ENODATA (its job has been deleted). */
int access_store_stream(api_request *req,
                        const char *group,
                        const char *stream,
                        char **ret_queue,
                        json_t **ret_tags,
                        ob_error *err);
/* The tags of an environment, queue, definition, scheduling policy or job by its ARN: *ret is new,
 * NULL: none. Errors: -ENOENT; database errors. */
int access_store_tags(api_request *req, const char *arn, json_t **ret, ob_error *err);
