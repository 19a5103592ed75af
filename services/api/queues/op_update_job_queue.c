/* UpdateJobQueue: changes only members that are present; an order is replaced as a whole. Thread:
 * an HTTP worker. */
#include "queue_operations.h"
#include <string.h>

#include "ob/message.h"
#include "queue_rules.h"

static int update(api_request *req, api_reply *rep, void *arg)
{
    api_wanted_queue *q = arg;
    int r = queue_named(req, q, rep);
    if (r < 0)
        return r;
    if (q->deleting || !q->has_status || !q->current)
        return api_client_error(rep, "Cannot update, resource is being modified");
    const char *state = ob_json_str(req->body, "state", "");
    if (*state)
        q->enabled = strcmp(state, "ENABLED") == 0;
    q->priority = (int)ob_json_int(req->body, "priority", q->priority);
    const json_t *limits = json_object_get(req->body, "jobStateTimeLimitActions");
    if (limits) {
        json_auto_t *sent = fields_copy(req->op->fields, req->body);
        (void)json_object_set(q->body, "jobStateTimeLimitActions",
                              json_object_get(sent, "jobStateTimeLimitActions"));
    }
    const char *policy = ob_json_str(req->body, "schedulingPolicyArn", "");
    if (*policy) {
        if (!q->policy_id)
            return api_client_error_long(
                rep, req->request_id,
                "A scheduling policy cannot be added to a job queue that was created without one.");
        r = queue_take_policy(req, q, rep);
        if (r < 0)
            return r;
    }
    const json_t *order = json_object_get(req->body, "computeEnvironmentOrder");
    if (order) {
        r = queue_take_order(req, order, q, rep);
        if (r < 0)
            return r;
    }
    return queue_update(req, q, &rep->err);
}

int op_update_job_queue(api_request *req, api_reply *rep)
{
    ob_cleanup(api_wanted_queue_done) api_wanted_queue q = { 0 };
    int r = store_tx(req, OB_POINT_API_QUEUE_UPDATE, rep, update, &q);
    if (r < 0)
        return r;
    api_ring_command(req->ctx);
    char arn[API_ARN_MAX];
    arn_job_queue(arn, req->region, req->account, q.name);
    rep->body = json_pack("{s:s, s:s}", "jobQueueName", q.name, "jobQueueArn", arn);
    return 0;
}
