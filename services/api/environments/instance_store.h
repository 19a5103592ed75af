/* Instances, and what runs on them, in PostgreSQL. */
#pragma once

#include "environments_sql.h"
#include "ob/id.h"
#include "request/operation.h"

/* A page of an environment's instances that are not TERMINATED, by id: INSTANCE_COL_*. after: ""
 * for the first page. *ret is new, as below. */
int instance_page(
    api_request *req, int64_t ce_id, const char *after, int limit, PGresult **ret, ob_error *err);
/* One row, or none: the environment has no such instance. */
int instance_one(
    api_request *req, int64_t ce_id, const char *instance_id, PGresult **ret, ob_error *err);
/* A page of the runs that are placed on it, after that job or child: INSTANCE_RUN_COL_*. */
int instance_runs(api_request *req,
                  const char *instance_id,
                  const ob_job_ref *after,
                  int limit,
                  PGresult **ret,
                  ob_error *err);
/* What an environment cannot get now: LACKING_COL_*. */
int instance_shortages(api_request *req, int64_t ce_id, PGresult **ret, ob_error *err);
