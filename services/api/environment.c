/* What the operations on compute environments have in common: look-up, the derived status, the
 * rules of computeResources (AWS Batch API reference, "ComputeResource") and the shape of Describe.
 * Owns the texts that clients compare. Reads only. */
#include "environment.h"

#include <stdio.h>
#include <string.h>

#include "ob/catalog.h"
#include "ob/message.h"

int environment_by_text(
    api_request *req, const char *text, bool lock, api_environment *ret, api_reply *rep)
{
    const char *name = NULL;
    char arn[API_ARN_MAX];
    int r = -ENOENT;
    if (arn_or_name(text, "compute-environment", req->region, req->account, &name) &&
        name_is_valid(name))
        r = environment_find(req, name, lock, ret, &rep->err);
    if (r != -ENOENT)
        return r;
    if (name)
        (void)snprintf(arn, sizeof arn, "arn:aws:batch:%s:%s:compute-environment/%.128s",
                       req->region, req->account, name);
    (void)api_client_error(rep, "%.383s does not exist", name ? arn : text);
    return -ENOENT;
}

const char *environment_status(const api_environment *e)
{
    if (e->deleting)
        return "DELETING";
    if (!e->has_status)
        return "CREATING";
    if (!e->current)
        return "UPDATING";
    return e->valid ? "VALID" : "INVALID";
}

bool environment_is_arm(const json_t *resources)
{
    const char *first =
        json_string_value(json_array_get(json_object_get(resources, "instanceTypes"), 0));
    return first && ob_catalog_entry_arch(first) == OB_ARCH_ARM64;
}

static int unknown_type(const api_request *req, api_reply *rep)
{
    char list[7500];
    size_t n = 0, len = 0;
    const char *const *entries = ob_catalog_entries(&n);
    list[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int more = snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", entries[i]);
        if (more < 0 || len + (size_t)more >= sizeof list)
            break;
        len += (size_t)more;
    }
    return api_client_error_long(rep, req->request_id, "Instance type can only be one of [%s]",
                                 list);
}

static int check_types(const api_request *req, const json_t *resources, api_reply *rep)
{
    const json_t *types = json_object_get(resources, "instanceTypes");
    if (json_array_size(types) == 0)
        return api_client_error_long(rep, req->request_id, "Resource instanceTypes is required.");
    ob_arch first = OB_ARCH_NONE;
    for (size_t i = 0; i < json_array_size(types); i++) {
        ob_arch arch = ob_catalog_entry_arch(json_string_value(json_array_get(types, i)));
        if (arch == OB_ARCH_NONE)
            return unknown_type(req, rep);
        if (i == 0)
            first = arch;
        if (arch != first)
            return api_client_error_long(
                rep, req->request_id,
                "arm-based instance type cannot be used with other instance types.");
    }
    return 0;
}

static int check_spot(const api_request *req, const json_t *resources, api_reply *rep)
{
    bool spot = strcmp(ob_json_str(resources, "type", ""), "SPOT") == 0;
    const char *strategy = ob_json_str(resources, "allocationStrategy", "BEST_FIT");
    if (!spot && strncmp(strategy, "SPOT_", 5) == 0)
        return api_client_error_long(
            rep, req->request_id,
            "Allocation strategy %s can only be used with compute resources of type SPOT.",
            strategy);
    if (spot && strcmp(strategy, "BEST_FIT_PROGRESSIVE_ORDERED") == 0)
        return api_client_error_long(
            rep, req->request_id,
            "Allocation strategy %s can only be used with compute resources of type EC2.",
            strategy);
    if (spot && strcmp(strategy, "BEST_FIT") == 0 &&
        !*ob_json_str(resources, "spotIamFleetRole", ""))
        return api_client_error_long(
            rep, req->request_id, "ComputeResources.spotIamFleetRole cannot not be null or empty");
    if (!spot && ob_json_int(resources, "bidPercentage", 0))
        return api_client_error_long(
            rep, req->request_id,
            "bidPercentage can only be used with compute resources of type SPOT.");
    return 0;
}

int environment_check(const api_request *req, const json_t *resources, api_reply *rep)
{
    int64_t min = ob_json_int(resources, "minvCpus", 0),
            max = ob_json_int(resources, "maxvCpus", 0);
    int64_t desired = ob_json_int(resources, "desiredvCpus", min);
    if (min > max)
        return api_client_error_long(rep, req->request_id,
                                     "minvCpus must not be greater than maxvCpus.");
    if (desired < min || desired > max)
        return api_client_error_long(rep, req->request_id,
                                     "desiredvCpus must be between minvCpus and maxvCpus.");
    if (!*ob_json_str(resources, "instanceRole", ""))
        return api_client_error_long(rep, req->request_id, "Instance role is required.");
    if (json_array_size(json_object_get(resources, "subnets")) == 0)
        return api_client_error_long(rep, req->request_id, "Resource subnets is required.");
    int r = check_types(req, resources, rep);
    return r < 0 ? r : check_spot(req, resources, rep);
}

void environment_take_resources(api_environment *e)
{
    const json_t *resources = json_object_get(e->body, "computeResources");
    e->min_vcpus = (int)ob_json_int(resources, "minvCpus", 0);
    e->max_vcpus = (int)ob_json_int(resources, "maxvCpus", 0);
    (void)snprintf(e->resource_type, sizeof e->resource_type, "%s",
                   ob_json_str(resources, "type", ""));
}

json_t *environment_json(const api_request *req, const api_environment *e)
{
    char arn[API_ARN_MAX], cluster_arn[API_ARN_MAX], cluster[256];
    arn_compute_environment(arn, req->region, req->account, e->name);
    (void)snprintf(cluster, sizeof cluster, "%s_Batch_%s", e->name, e->uuid);
    arn_ecs_cluster(cluster_arn, req->region, req->account, cluster);
    json_t *out = json_deep_copy(e->body);
    json_t *resources = json_object_get(out, "computeResources");
    (void)json_object_set_new(resources, "desiredvCpus", json_integer(e->desired_vcpus));
    json_auto_t *more =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "computeEnvironmentName", e->name,
                  "computeEnvironmentArn", arn, "ecsClusterArn", cluster_arn, "type", "MANAGED",
                  "state", e->enabled ? "ENABLED" : "DISABLED", "status", environment_status(e),
                  "containerOrchestrationType", "ECS", "uuid", e->uuid);
    (void)json_object_update(out, more);
    if (e->has_status)
        (void)json_object_set_new(out, "statusReason", json_string(e->reason));
    return out;
}
