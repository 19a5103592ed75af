/* UpdateComputeEnvironment: merges state, service role and members of computeResources into the
 * stored settings (AWS Batch user guide, "Update compute environments"). Distinguishes scaling
 * updates from those that replace instances; the scaler sees from the result what to do. Thread: an
 * HTTP worker. */
#include "environment_operations.h"
#include <string.h>

#include "eks_check.h"
#include "environment.h"
#include "environment_check.h"
#include "ob/message.h"

static bool is_among(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list;
}

static bool is_scaling(const char *name)
{
    return is_among(name, (const char *const[]){ "minvCpus", "maxvCpus", "desiredvCpus",
                                                 "scalingPolicy", NULL });
}

static bool has_service_linked_role(const api_environment *e)
{
    const char *role = ob_json_str(e->body, "serviceRole", "");
    const char *slash = strrchr(role, '/');
    return strcmp(slash ? slash + 1 : role, "AWSServiceRoleForBatch") == 0;
}

/* May instances be replaced to change 'name'? */
static int check_infrastructure(const api_request *req,
                                const api_environment *e,
                                const json_t *changes,
                                const char *name,
                                api_reply *rep)
{
    const json_t *resources = json_object_get(e->body, "computeResources");
    const char *old = ob_json_str(resources, "allocationStrategy", "BEST_FIT"),
               *new = ob_json_str(changes, "allocationStrategy", old);
    if (strcmp(old, "BEST_FIT") == 0 || strcmp(new, "BEST_FIT") == 0)
        return api_client_error_long(rep, req->request_id,
                                     "computeResources.%s cannot be updated: infrastructure "
                                     "updates need an allocation strategy other than BEST_FIT, "
                                     "before and after.",
                                     name);
    if (!has_service_linked_role(e))
        return api_client_error_long(rep, req->request_id,
                                     "computeResources.%s cannot be updated: infrastructure "
                                     "updates need the service-linked role "
                                     "AWSServiceRoleForBatch.",
                                     name);
    return 0;
}

/* The members that a Fargate environment may change; networks cannot be cleared. */
static int check_fargate_member(const api_request *req, const char *name, api_reply *rep)
{
    if (is_among(name, (const char *const[]){ "maxvCpus", "subnets", "securityGroupIds", NULL }))
        return 0;
    return api_client_error_long(rep, req->request_id, "%s is not applicable for Fargate.", name);
}

static int check_type(const api_request *req, bool fargate, const json_t *type, api_reply *rep)
{
    bool to_fargate = strncmp(json_string_value(type), "FARGATE", 7) == 0;
    if (to_fargate == fargate && !fargate)
        return 0;
    return api_client_error_long(rep, req->request_id,
                                 "computeResources.type cannot be updated to %s.",
                                 json_string_value(type));
}

static int merge_member(const api_request *req,
                        const api_environment *e,
                        const json_t *changes,
                        const char *name,
                        json_t *value,
                        api_reply *rep)
{
    json_t *resources = json_object_get(e->body, "computeResources");
    const json_t *old = json_object_get(resources, name);
    bool fargate = environment_is_fargate(resources);
    bool nothing = json_is_nothing(value) && !json_is_integer(value);
    if (json_equal(old, value) || (!old && json_is_nothing(value)) || (fargate && nothing))
        return 0;
    int r = 0;
    if (strcmp(name, "type") == 0)
        r = check_type(req, fargate, value, rep);
    if (r == 0 && fargate)
        r = check_fargate_member(req, name, rep);
    else if (r == 0 && !is_scaling(name))
        r = check_infrastructure(req, e, changes, name, rep);
    if (r < 0)
        return r;
    /* Empty values clear. */
    (void)(nothing ? json_object_del(resources, name) : json_object_set(resources, name, value));
    return 0;
}

/* A launch template with empty names counts as none. */
static void drop_empty_template(json_t *changes)
{
    const json_t *template = json_object_get(changes, "launchTemplate");
    if (template && !*ob_json_str(template, "launchTemplateId", "") &&
        !*ob_json_str(template, "launchTemplateName", ""))
        (void)json_object_set_new(changes, "launchTemplate", json_object());
}

/* A request, not a value: each one is a change. The number of requests is stored, but never
 * shown. */
static void count_image_updates(json_t *changes, const json_t *resources)
{
    static const char name[] = "updateToLatestImageVersion";
    if (json_is_true(json_object_get(changes, name)))
        (void)json_object_set_new(changes, name, json_integer(ob_json_int(resources, name, 0) + 1));
    else
        (void)json_object_del(changes, name);
}

static int merge_resources(const api_request *req, api_environment *e, api_reply *rep)
{
    json_auto_t *changes = fields_copy(fields_of(req->op->fields, "computeResources"),
                                       json_object_get(req->body, "computeResources"));
    json_t *resources = json_object_get(e->body, "computeResources");
    count_image_updates(changes, resources);
    drop_empty_template(changes);
    int64_t desired = ob_json_int(changes, "desiredvCpus", -1);
    if (desired >= 0 && desired < e->desired_vcpus && !environment_is_fargate(resources))
        return api_client_error_long(
            rep, req->request_id,
            "Manually scaling down compute environment is not supported. Disconnecting job "
            "queues from compute environment will cause it to scale-down to minvCpus.");
    const char *name;
    json_t *value;
    json_object_foreach(changes, name, value)
    {
        int r = merge_member(req, e, changes, name, value, rep);
        if (r < 0)
            return r;
    }
    /* Later changes do not repeat an older request. */
    if (desired < 0)
        (void)json_object_del(resources, "desiredvCpus");
    environment_default_resources(resources);
    return 0;
}

/* The member of the request that does not go with the environment's orchestrator; NULL: there is
 * none. */
static const char *eks_refuses(const api_request *req, const api_environment *e)
{
    static const char *const of_ecs[] = { "serviceRole", "ecsSettings", NULL };
    static const char *const of_eks[] = { "eksConfiguration", NULL };
    const char *const *name = environment_is_eks(e->body) ? of_ecs : of_eks;
    while (*name && json_is_nothing(json_object_get(req->body, *name)))
        name++;
    return *name;
}

static void take_access_entry(api_environment *e, const json_t *changes)
{
    json_t *entry = json_object_get(json_object_get(changes, "eksConfiguration"), "accessEntry");
    if (entry)
        (void)json_object_set(json_object_get(e->body, "eksConfiguration"), "accessEntry", entry);
}

/* Members that go by the type of the environment. */
static int check_members(const api_request *req, const api_environment *e, api_reply *rep)
{
    const json_t *resources = json_object_get(e->body, "computeResources");
    bool has_instances = e->managed && !environment_is_fargate(resources);
    if (!e->managed && json_object_get(req->body, "computeResources"))
        return api_client_error_long(
            rep, req->request_id,
            "computeResources cannot be updated for an UNMANAGED compute environment");
    if (e->managed && json_object_get(req->body, "unmanagedvCpus"))
        return api_client_error_long(
            rep, req->request_id,
            "unmanagedvCpus can only be set for an UNMANAGED compute environment");
    const char *refused = eks_refuses(req, e);
    if (refused)
        return api_client_error_long(rep, req->request_id, "%s is not applicable for %s.", refused,
                                     environment_is_eks(e->body) ? "EKS" : "ECS");
    if (!has_instances && json_object_get(req->body, "updatePolicy")) {
        (void)json_object_del(req->body, "updatePolicy"); /* there are no instances to replace */
        return environment_check_update(req->body,
                                        &(const api_field_where){ "", req->request_id, rep });
    }
    return 0;
}

static void take_update_policy(api_environment *e, const json_t *policy)
{
    json_t *merged =
        json_pack("{s:b, s:i}", "terminateJobsOnUpdate", 0, "jobExecutionTimeoutMinutes", 30);
    (void)json_object_update(merged, json_object_get(e->body, "updatePolicy"));
    (void)json_object_update(merged, (json_t *)policy);
    (void)json_object_set_new(e->body, "updatePolicy", merged);
}

static void take_members(const api_request *req, api_environment *e)
{
    static const char *const members[] = { "unmanagedvCpus", "ecsSettings", "context" };
    json_auto_t *changes = fields_copy(req->op->fields, req->body);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (json_object_get(changes, members[i]))
            (void)json_object_set(e->body, members[i], json_object_get(changes, members[i]));
    if (json_object_get(changes, "updatePolicy"))
        take_update_policy(e, json_object_get(changes, "updatePolicy"));
    take_access_entry(e, changes);
    const char *role = ob_json_str(changes, "serviceRole", "");
    if (*role)
        (void)json_object_set_new(e->body, "serviceRole", json_string(role));
    const char *state = ob_json_str(changes, "state", "");
    if (*state)
        e->enabled = strcmp(state, "ENABLED") == 0;
}

static int update(api_request *req, api_reply *rep, void *arg)
{
    api_environment *e = arg;
    int r = environment_named(req, e, rep);
    if (r < 0)
        return r;
    if (e->deleting || !e->has_status || !e->current)
        return api_client_error(rep, "Cannot update, resource is being modified");
    r = check_members(req, e, rep);
    if (r < 0)
        return r;
    take_members(req, e);
    if (e->managed)
        r = merge_resources(req, e, rep);
    if (r == 0 && e->managed)
        r = environment_check_resources(json_object_get(e->body, "computeResources"), true,
                                        &(const api_field_where){ "", req->request_id, rep });
    if (r < 0)
        return r;
    environment_take_body(e);
    return environment_update(req, e, &rep->err);
}

int op_update_compute_environment(api_request *req, api_reply *rep)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    int r = store_tx(req, OB_POINT_API_ENVIRONMENT_UPDATE, rep, update, &e);
    if (r < 0)
        return r;
    api_ring_command(req->ctx);
    char arn[API_ARN_MAX];
    arn_compute_environment(arn, req->region, req->account, e.name);
    rep->body =
        json_pack("{s:s, s:s}", "computeEnvironmentName", e.name, "computeEnvironmentArn", arn);
    return 0;
}
