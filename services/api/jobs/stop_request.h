/* What a request to stop all jobs that match means: the members of StopJobs. */
#pragma once

#include "job_store.h"
#include "request/operation.h"

/* queue_id is the caller's to fill; texts are borrowed from the request's body. Errors: -EINVAL
 * with the reply. */
int stop_request_read(const api_request *req, job_mass_stop *ret, api_reply *rep);
