/* UpdateComputeEnvironment: state, service role, and the scaling members of computeResources.
 * Members whose change would replace instances are accepted as they are and refused when they
 * differ. Thread: an HTTP worker. */
#include <string.h>

#include "environment.h"
#include "ob/message.h"

static bool is_scaling(const char *name)
{
    return strcmp(name, "minvCpus") == 0 || strcmp(name, "maxvCpus") == 0 ||
           strcmp(name, "desiredvCpus") == 0;
}

static int
merge_resources(const api_request *req, const api_environment *e, json_t *resources, api_reply *rep)
{
    json_auto_t *changes = fields_copy(fields_of(req->op->fields, "computeResources"),
                                       json_object_get(req->body, "computeResources"));
    const char *name;
    json_t *value;
    json_object_foreach(changes, name, value)
    {
        const json_t *old = json_object_get(resources, name);
        bool same = json_equal(old, value) || (!old && json_is_nothing(value));
        if (!same && !is_scaling(name))
            return api_client_error_long(
                rep, req->request_id,
                "A change of computeResources.%s is not supported by OpenBatch yet.", name);
        if (!same)
            (void)json_object_set(resources, name, value);
    }
    int64_t desired = ob_json_int(changes, "desiredvCpus", -1);
    if (desired >= 0 && desired < e->desired_vcpus)
        return api_client_error_long(
            rep, req->request_id,
            "Manually scaling down compute environment is not supported. Disconnecting job "
            "queues from compute environment will cause it to scale-down to minvCpus.");
    /* An older wish is not wished again by every later change. */
    if (desired < 0)
        (void)json_object_del(resources, "desiredvCpus");
    return 0;
}

static int check_members(const api_request *req, api_reply *rep)
{
    static const char *const any[] = { "state", "computeResources", "serviceRole", "updatePolicy",
                                       "ecsSettings" };
    size_t given = 0;
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++)
        given += json_object_get(req->body, any[i]) != NULL;
    if (given == 0)
        return api_client_error(
            rep,
            "One of [state | compute-resources | service-role | unmanaged-vcpus] is required.");
    const json_t *resources = json_object_get(req->body, "computeResources");
    if (resources && json_object_size(resources) == 0)
        return api_client_error(rep, "At least one compute-resources attribute must be specified");
    return 0;
}

static int update(api_request *req, api_reply *rep, void *arg)
{
    api_environment *e = arg;
    int r =
        environment_by_text(req, ob_json_str(req->body, "computeEnvironment", ""), true, e, rep);
    if (r < 0)
        return r;
    if (e->deleting || !e->has_status || !e->current)
        return api_client_error(rep, "Cannot update, resource is being modified");
    json_t *resources = json_object_get(e->body, "computeResources");
    r = merge_resources(req, e, resources, rep);
    if (r == 0)
        r = environment_check(req, resources, rep);
    if (r < 0)
        return r;
    static const char *const members[] = { "updatePolicy", "ecsSettings" };
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(req->body, members[i]);
        if (value)
            (void)json_object_set_new(e->body, members[i],
                                      fields_copy(fields_of(req->op->fields, members[i]), value));
    }
    const char *role = ob_json_str(req->body, "serviceRole", "");
    if (*role)
        (void)json_object_set_new(e->body, "serviceRole", json_string(role));
    const char *state = ob_json_str(req->body, "state", "");
    if (*state)
        e->enabled = strcmp(state, "ENABLED") == 0;
    environment_take_resources(e);
    return environment_update(req, e, &rep->err);
}

int op_update_compute_environment(api_request *req, api_reply *rep)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    int r = check_members(req, rep);
    if (r == 0)
        r = store_tx(req, rep, update, &e);
    if (r < 0)
        return r;
    api_ring_command(req->ctx);
    char arn[API_ARN_MAX];
    arn_compute_environment(arn, req->region, req->account, e.name);
    rep->body =
        json_pack("{s:s, s:s}", "computeEnvironmentName", e.name, "computeEnvironmentArn", arn);
    return 0;
}
