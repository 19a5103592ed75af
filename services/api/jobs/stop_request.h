/* Requests that all jobs of a queue that match are stopped: in PostgreSQL, and as the members of
 * StopJobs. */
#pragma once

#include "jobs_sql.h"
#include "request/arn.h"
#include "request/operation.h"

#define STOP_REQUESTS_OPEN_MAX 20     /* of a region, that are not finished */
#define STOP_REQUESTS_KEPT_MS 604800000 /* a week after they were finished */

typedef struct stop_request {
    int64_t queue_id;
    int states;              /* bit n: ob_job_state n */
    const char *name_prefix; /* NULL, as below: any; borrowed from the request's body */
    char definition[API_NAME_MAX]; /* "": any */
    int revision;                  /* 0: any */
    const char *share;
    bool terminate;
    const char *reason;
} stop_request;

/* The members of StopJobs; queue_id is the caller's to fill. Errors: -EINVAL with the reply. */
int stop_request_read(const api_request *req, stop_request *ret, api_reply *rep);
/* Stores it, and a row of the inbox. *ret_id: 0: too many are not finished. */
int stop_request_add(api_request *req, const stop_request *r, int64_t *ret_id, ob_error *err);
/* One row (STOP_STATE_COL_*), or none. *ret is new. */
int stop_request_get(
    api_request *req, int64_t queue_id, int64_t id, PGresult **ret, ob_error *err);
