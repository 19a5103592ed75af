/* May this key do this? */
#pragma once

#include "ob/id.h"
#include "request/operation.h"
#include "verdict.h"

/* Call it before each call of a handler. Errors: -EACCES, the reply is AWS's AccessDeniedException;
 * -ENOENT and others: database errors. Sets req->definition_revision. */
int access_check(api_request *req, api_reply *rep);

/* The same for one of the jobs that a request names, for operations that are .one_by_one
 * (request/access_rule.h). */
int access_check_job(api_request *req, const ob_job_ref *job, api_reply *rep);

/* May the key see this job, as DescribeJobs shows it? For answers that show jobs beside other
 * things. Errors: database errors. */
int access_sees_job(api_request *req, const ob_job_ref *job, bool *ret, ob_error *err);

/* May the key use containers of this definition with what this one requests from its host
 * (access_container.h)? revision 0: a new one; tags: the definition's. Errors: -EACCES with the
 * reply. */
int access_check_container(const api_request *req,
                           const char *definition,
                           int revision,
                           const json_t *container,
                           json_t *tags,
                           api_reply *rep);

/* May the key touch what the request uses according to a rule? c->touched: the number of resources.
 * Errors: as access_check. */
int access_check_uses(inquiry *c, const access_rule *rule);
