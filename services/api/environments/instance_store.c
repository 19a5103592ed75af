/* Reads instances, placements and what the scaler lacks; they belong to the scaler and the
 * scheduler. Holds no state. Thread: the request's. */
#include "instance_store.h"

int instance_page(
    api_request *req, int64_t ce_id, const char *after, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, ce_id);
    ob_param_text(&p, after);
    ob_param_int(&p, limit);
    return req_exec(req, STMT_INSTANCE_PAGE, &p, ret, err);
}

int instance_one(
    api_request *req, int64_t ce_id, const char *instance_id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, ce_id);
    ob_param_text(&p, instance_id);
    return req_exec(req, STMT_INSTANCE_ONE, &p, ret, err);
}

int instance_runs(api_request *req,
                  const char *instance_id,
                  const ob_job_ref *after,
                  int limit,
                  PGresult **ret,
                  ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, instance_id);
    ob_param_uuid(&p, &after->id);
    ob_param_int(&p, after->index);
    ob_param_int(&p, limit);
    return req_exec(req, STMT_INSTANCE_RUNS, &p, ret, err);
}

int instance_shortages(api_request *req, int64_t ce_id, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, ce_id);
    return req_exec(req, STMT_ENVIRONMENT_LACKING, &p, ret, err);
}
