/* CreateJobQueue: stores what is wanted and rings; the scheduler makes it VALID. Thread: an HTTP
 * worker. */
#include <string.h>

#include "ob/message.h"
#include "queue.h"

static int insert(api_request *req, api_reply *rep, void *arg)
{
    api_wanted_queue *q = arg;
    int r = queue_take_order(req, json_object_get(req->body, "computeEnvironmentOrder"), q, rep);
    if (r < 0)
        return r;
    r = queue_insert(req, q, &rep->err);
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
    const json_t *tags = json_object_get(req->body, "tags");
    (void)json_object_set_new(q.body, "tags", tags ? json_deep_copy(tags) : json_object());
    const char *type = ob_json_str(req->body, "jobQueueType", "");
    if (*type)
        (void)json_object_set_new(q.body, "jobQueueType", json_string(type));

    int r = store_tx(req, rep, insert, &q);
    if (r < 0)
        return r;
    api_ring_command(req->ctx);
    char arn[API_ARN_MAX];
    arn_job_queue(arn, req->region, req->account, name);
    rep->body = json_pack("{s:s, s:s}", "jobQueueName", name, "jobQueueArn", arn);
    return 0;
}
