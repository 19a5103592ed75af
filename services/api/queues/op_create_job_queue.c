/* CreateJobQueue: stores the settings and rings the doorbell; the scheduler makes it VALID. Thread:
 * an HTTP worker. */
#include "queue_operations.h"
#include <string.h>

#include "ob/message.h"
#include "queue_rules.h"

static int insert(api_request *req, api_reply *rep, void *arg)
{
    api_wanted_queue *q = arg;
    const char *policy = ob_json_str(req->body, "schedulingPolicyArn", "");
    int r = *policy ? queue_take_policy(req, q, rep) : 0;
    if (r < 0)
        return r;
    r = queue_take_order(req, json_object_get(req->body, "computeEnvironmentOrder"), q, rep);
    if (r < 0)
        return r;
    r = queue_insert(req, q, &rep->err);
    if (r == -EDQUOT)
        return api_client_error(rep, "There may be at most %d job queues in a region.", QUEUES_MAX);
    return r == -EEXIST ? api_conflict(rep) : r;
}

int op_create_job_queue(api_request *req, api_reply *rep)
{
    const char *name = ob_json_str(req->body, "jobQueueName", "");
    if (!name_is_valid(name))
        return api_client_error_long(rep, req->request_id,
                                     "jobQueueName %.200s should match valid pattern", name);
    ob_cleanup(api_wanted_queue_done) api_wanted_queue q = {
        .enabled = strcmp(ob_json_str(req->body, "state", "ENABLED"), "ENABLED") == 0,
        .priority = (int)ob_json_int(req->body, "priority", 0),
        .body = json_object(),
    };
    memcpy(q.name, name, strlen(name) + 1);
    static const char *const members[] = { "tags", "jobQueueType", "jobStateTimeLimitActions" };
    json_auto_t *sent = fields_copy(req->op->fields, req->body);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (json_object_get(sent, members[i]))
            (void)json_object_set(q.body, members[i], json_object_get(sent, members[i]));
    if (!json_object_get(q.body, "tags"))
        (void)json_object_set_new(q.body, "tags", json_object());

    int r = store_tx(req, OB_POINT_API_QUEUE_CREATE, rep, insert, &q);
    if (r < 0)
        return r;
    api_ring_command(req->ctx);
    char arn[API_ARN_MAX];
    arn_job_queue(arn, req->region, req->account, name);
    rep->body = json_pack("{s:s, s:s}", "jobQueueName", name, "jobQueueArn", arn);
    return 0;
}
