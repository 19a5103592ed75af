/* CreateComputeEnvironment: stores the settings and rings the doorbell; the scaler makes it VALID.
 * Thread: an HTTP worker. */
#include "environment_operations.h"
#include <string.h>

#include "environment.h"
#include "ob/id.h"
#include "ob/message.h"

static int insert(api_request *req, api_reply *rep, void *arg)
{
    int r = environment_insert(req, arg, &rep->err);
    if (r == -EDQUOT)
        return api_client_error(rep, "There may be at most %d compute environments in a region.",
                                ENVIRONMENTS_MAX);
    if (r == -EUSERS)
        return api_client_error(
            rep, "There may be at most %d compute environments on an Amazon EKS cluster.",
            CLUSTER_ENVIRONMENTS_MAX);
    return r == -EEXIST ? api_conflict(rep) : r;
}

/* The members that Describe shows in addition to name and status. */
static json_t *wanted_body(const api_request *req)
{
    json_t *body = fields_copy(req->op->fields, req->body);
    (void)json_object_del(body, "computeEnvironmentName");
    (void)json_object_del(body, "type");
    (void)json_object_del(body, "state");
    if (!json_object_get(body, "tags"))
        (void)json_object_set_new(body, "tags", json_object());
    if (!*ob_json_str(body, "serviceRole", "")) {
        ob_cleanup(ob_freep) char *role = ob_strf(
            "arn:aws:iam::%s:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch",
            req->account);
        (void)json_object_set_new(body, "serviceRole", json_string(role));
    }
    json_t *resources = json_object_get(body, "computeResources");
    if (resources)
        environment_default_resources(resources);
    return body;
}

int op_create_compute_environment(api_request *req, api_reply *rep)
{
    const char *name = ob_json_str(req->body, "computeEnvironmentName", "");
    if (!name_is_valid(name))
        return api_client_error_long(
            rep, req->request_id, "computeEnvironmentName %.200s should match valid pattern", name);
    ob_cleanup(api_environment_done) api_environment e = {
        .managed = strcmp(ob_json_str(req->body, "type", ""), "MANAGED") == 0,
        .enabled = strcmp(ob_json_str(req->body, "state", "ENABLED"), "ENABLED") == 0,
        .body = wanted_body(req),
    };
    memcpy(e.name, name, strlen(name) + 1);
    ob_uuid id = ob_uuid_new();
    ob_uuid_format(&id, e.uuid);
    environment_take_body(&e);
    int r = store_tx(req, OB_POINT_API_ENVIRONMENT_CREATE, rep, insert, &e);
    if (r < 0)
        return r;
    api_ring_command(req->ctx);
    char arn[API_ARN_MAX];
    arn_compute_environment(arn, req->region, req->account, name);
    rep->body =
        json_pack("{s:s, s:s}", "computeEnvironmentName", name, "computeEnvironmentArn", arn);
    return 0;
}
