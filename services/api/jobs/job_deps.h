/* dependsOn of SubmitJob. */
#pragma once

#include "request/operation.h"
#include "submit.h"

/* Reads the body's dependsOn into job->deps, each once; job->id and job->array_size are set. Looks
 * up the named jobs in the caller's account and region. Errors: -EINVAL with the reply filled, or
 * the database's. */
int job_deps_read(api_request *req, submission *job, api_reply *rep);
