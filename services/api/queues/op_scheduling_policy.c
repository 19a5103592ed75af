/* CreateSchedulingPolicy, UpdateSchedulingPolicy, DeleteSchedulingPolicy: policies by which queues
 * share capacity. A change rings the scheduler for each queue that uses the policy. Thread: an HTTP
 * worker. */
#include "policy_operations.h"
#include <string.h>

#include "ob/message.h"
#include "request/store.h"
#include "sched_policy_store.h"

static const char *const kinds[] = { "fairsharePolicy", "quotaSharePolicy" };

/* The policies of a request; none: a fair share with equal shares. */
static void take_policies(const api_request *req, json_t *body)
{
    json_auto_t *sent = fields_copy(req->op->fields, req->body);
    for (size_t i = 0; i < 2; i++)
        (void)json_object_del(body, kinds[i]);
    if (json_object_get(sent, "quotaSharePolicy")) {
        (void)json_object_set(body, "quotaSharePolicy", json_object_get(sent, "quotaSharePolicy"));
        return;
    }
    json_t *fair = json_pack("{s:i, s:i, s:[]}", "shareDecaySeconds", 0, "computeReservation", 0,
                             "shareDistribution");
    (void)json_object_update(fair, json_object_get(sent, "fairsharePolicy"));
    (void)json_object_set_new(body, "fairsharePolicy", fair);
}

static int insert(api_request *req, api_reply *rep, void *arg)
{
    int r = sched_policy_insert(req, arg, &rep->err);
    return r == -EEXIST ? api_conflict(rep) : r;
}

int op_create_scheduling_policy(api_request *req, api_reply *rep)
{
    const char *name = ob_json_str(req->body, "name", "");
    const json_t *tags = json_object_get(req->body, "tags");
    if (!name_is_valid(name))
        return api_client_error_long(rep, req->request_id, "name %.200s should match valid pattern",
                                     name);
    ob_cleanup(sched_policy_done) sched_policy policy = { .body = json_object() };
    memcpy(policy.name, name, strlen(name) + 1);
    take_policies(req, policy.body);
    (void)json_object_set_new(policy.body, "tags", tags ? json_deep_copy(tags) : json_object());
    int r = store_tx(req, OB_POINT_API_POLICY_CREATE, rep, insert, &policy);
    if (r < 0)
        return r;
    char arn[API_ARN_MAX];
    arn_scheduling_policy(arn, req->region, req->account, name);
    rep->body = json_pack("{s:s, s:s}", "name", name, "arn", arn);
    return 0;
}

static int update(api_request *req, api_reply *rep, void *arg)
{
    ob_cleanup(sched_policy_done) sched_policy policy = { 0 };
    int r = sched_policy_named(req, "arn", SCHED_POLICY_CHANGE, &policy, rep);
    if (r < 0)
        return r;
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(req->body, kinds[i]) && !json_object_get(policy.body, kinds[i]))
            return api_client_error_long(rep, req->request_id,
                                         "The kind of a scheduling policy cannot be changed to %s.",
                                         kinds[i]);
    if (!json_object_get(req->body, kinds[0]) && !json_object_get(req->body, kinds[1]))
        return 0;
    take_policies(req, policy.body);
    return sched_policy_update(req, &policy, &rep->err);
}

int op_update_scheduling_policy(api_request *req, api_reply *rep)
{
    int r = store_tx(req, OB_POINT_API_POLICY_UPDATE, rep, update, NULL);
    if (r == 0)
        api_ring_command(req->ctx);
    return r;
}

static int delete (api_request *req, api_reply *rep, void *arg)
{
    ob_cleanup(sched_policy_done) sched_policy policy = { 0 };
    bool in_use = false;
    int r = sched_policy_named(req, "arn", SCHED_POLICY_CHANGE, &policy, rep);
    if (r == 0)
        r = sched_policy_in_use(req, policy.id, &in_use, &rep->err);
    if (r < 0)
        return r;
    if (in_use)
        return api_client_error(rep, "Cannot delete, found existing JobQueue relationship");
    return sched_policy_delete(req, policy.id, &rep->err);
}

int op_delete_scheduling_policy(api_request *req, api_reply *rep)
{
    return store_tx(req, OB_POINT_API_POLICY_DELETE, rep, delete, NULL);
}
