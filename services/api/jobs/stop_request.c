/* See stop_request.h. Owns the table stop_request and adds to inbox; reads stop_progress, which is
 * the scheduler's. Thread: the request's. */
#include "stop_request.h"

#include <string.h>

#include "ob/clock.h"
#include "ob/job.h"
#include "ob/message.h"
#include "request/store.h"

#define BIT(state) (1 << (state))
#define WAITING (BIT(OB_JOB_SUBMITTED) | BIT(OB_JOB_PENDING) | BIT(OB_JOB_RUNNABLE))
#define PLACED (BIT(OB_JOB_STARTING) | BIT(OB_JOB_RUNNING))

static int read_states(const json_t *list, stop_request *ret, api_reply *rep)
{
    int may = ret->terminate ? WAITING | PLACED : WAITING;
    size_t i;
    json_t *entry;
    ret->states = json_array_size(list) ? 0 : may;
    json_array_foreach(list, i, entry)
    {
        const char *name = json_string_value(entry);
        int state = name ? ob_job_state_parse(name) : -1;
        if (state < 0 || !(may & BIT(state)))
            return api_client_error(rep, "%.40s is not a state from which a job can be %s",
                                    name ? name : "", ret->terminate ? "terminated" : "cancelled");
        ret->states |= BIT(state);
    }
    return 0;
}

/* A name with or without a revision, or an ARN. */
static int
read_definition(const api_request *req, const char *text, stop_request *ret, api_reply *rep)
{
    const char *name = NULL;
    if (!text)
        return 0;
    if (!arn_or_name(text, "job-definition", req->region, req->account, &name) ||
        !definition_name_split(name, ret->definition, &ret->revision))
        return api_client_error(rep, "JobDefinition %.300s not found.", text);
    return 0;
}

int stop_request_read(const api_request *req, stop_request *ret, api_reply *rep)
{
    const json_t *body = req->body;
    *ret = (stop_request){
        .name_prefix = json_string_value(json_object_get(body, "jobNamePrefix")),
        .share = json_string_value(json_object_get(body, "shareIdentifier")),
        .terminate = strcmp(ob_json_str(body, "action", ""), "TERMINATE") == 0,
        .reason = ob_json_str(body, "reason", ""),
    };
    int r = read_states(json_object_get(body, "states"), ret, rep);
    return r < 0 ? r
                 : read_definition(req, json_string_value(json_object_get(body, "jobDefinition")),
                                   ret, rep);
}

int stop_request_add(api_request *req, const stop_request *r, int64_t *ret_id, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int64_t now_ms = ob_wall_ms();
    SCOPED(p, req);
    ob_param_int(&p, r->queue_id);
    ob_param_int(&p, r->states);
    ob_param_text(&p, r->name_prefix);
    ob_param_text(&p, r->definition[0] ? r->definition : NULL);
    ob_param_int(&p, r->revision);
    ob_param_text(&p, r->share);
    store_param_bool(&p, r->terminate);
    ob_param_text(&p, r->reason);
    ob_param_int(&p, now_ms);
    ob_param_int(&p, STOP_REQUESTS_OPEN_MAX);
    ob_param_int(&p, now_ms - STOP_REQUESTS_KEPT_MS);
    int got = req_write(req, OB_POINT_API_STOP, STMT_STOP_REQUEST_ADD, &p, &res, err);
    if (got == 0)
        *ret_id = PQntuples(res) ? ob_col_int(res, 0, STOP_REQUEST_COL_ID, 0) : 0;
    return got;
}

int stop_request_get(
    api_request *req, int64_t queue_id, int64_t id, PGresult **ret, ob_error *err)
{
    SCOPED(p, req);
    ob_param_int(&p, queue_id);
    ob_param_int(&p, id);
    return req_exec(req, STMT_STOP_REQUEST_GET, &p, ret, err);
}
