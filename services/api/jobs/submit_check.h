/* Which definitions, queues and members of a submission go together. */
#pragma once

#include "request/operation.h"
#include "request/resolve.h"

/* Checks a SubmitJob body against its queue and definition, but for what its container comes to.
 * Errors: -EINVAL with the reply filled. */
int submit_check(const api_request *req,
                 const api_queue *queue,
                 const api_definition *definition,
                 api_reply *rep);

/* Checks what the submission's container came to, overrides included, for the kind of capacity that
 * the queue has. Errors: -EINVAL with the reply filled. */
int submit_check_container(const api_request *req,
                           const api_queue *queue,
                           const json_t *container,
                           api_reply *rep);
