/* Which definitions, queues and members of a submission go together. */
#pragma once

#include "ob/job.h"
#include "request/operation.h"
#include "request/resolve.h"

/* Checks a SubmitJob body with its queue and definition, except for the resulting container.
 * Errors: -EINVAL with the reply filled. */
int submit_check(const api_request *req,
                 const api_queue *queue,
                 const api_definition *definition,
                 api_reply *rep);

/* Checks the submission's resulting container, overrides included, for the queue's kind of
 * capacity. Errors: -EINVAL with the reply filled. */
int submit_check_container(const api_request *req,
                           const api_queue *queue,
                           const json_t *container,
                           api_reply *rep);
/* The same for a resulting pod, which takes 'need'. host: what it requests from its host
 * (ob/pod.h). */
int submit_check_pod(const api_request *req,
                     const json_t *pod,
                     const json_t *host,
                     const ob_resources *need,
                     api_reply *rep);
