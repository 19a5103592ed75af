/* The common part of the operations on compute environments: look-up, the derived status and the
 * form of Describe. Reads only. Thread: an HTTP worker. */
#include "environment.h"

#include <stdio.h>
#include <string.h>

#include "eks_check.h"
#include "environment_check.h"
#include "ob/catalog.h"
#include "ob/message.h"
#include "request/names.h"

static int find_named(api_request *req, bool lock, api_environment *ret, api_reply *rep)
{
    const api_name *named = names_of(req, "computeEnvironment");
    const char *name = named ? named->name : "";
    char arn[API_ARN_MAX];
    int r = -ENOENT;
    if (name && name_is_valid(name))
        r = environment_find(req, name, lock, ret, &rep->err);
    if (r != -ENOENT)
        return r;
    if (name)
        (void)snprintf(arn, sizeof arn, "arn:aws:batch:%s:%s:compute-environment/%.128s",
                       req->region, req->account, name);
    (void)api_client_error(rep, "%.383s does not exist", name ? arn : named->text);
    return -ENOENT;
}

int environment_named(api_request *req, api_environment *ret, api_reply *rep)
{
    return find_named(req, true, ret, rep);
}

int environment_looked_at(api_request *req, api_environment *ret, api_reply *rep)
{
    return find_named(req, false, ret, rep);
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

void environment_default_resources(json_t *resources)
{
    if (environment_is_fargate(resources)) {
        const char *name;
        json_t *value;
        void *next;
        json_object_foreach_safe(resources, next, name, value)
        {
            if (json_is_nothing(value) && !json_is_integer(value))
                (void)json_object_del(resources, name);
        }
        return;
    }
    if (json_array_size(json_object_get(resources, "ec2Configuration")) == 0)
        (void)json_object_set_new(resources, "ec2Configuration",
                                  json_pack("[{s:s}]", "imageType", "ECS_AL2023"));
}

void environment_take_body(api_environment *e)
{
    const json_t *resources = json_object_get(e->body, "computeResources");
    e->min_vcpus = (int)ob_json_int(resources, "minvCpus", 0);
    e->max_vcpus = (int)ob_json_int(resources, "maxvCpus", 0);
    /* An unmanaged environment always has EC2 instances. */
    (void)snprintf(e->resource_type, sizeof e->resource_type, "%s",
                   ob_json_str(resources, "type", "EC2"));
}

/* Adds the members that AWS adds, and removes those that it does not show. */
static void add_to_resources(json_t *resources, const api_environment *e)
{
    size_t i;
    json_t *image;
    (void)json_object_del(resources,
                          "updateToLatestImageVersion"); /* the number of requests for it */
    if (!environment_is_fargate(resources))
        (void)json_object_set_new(resources, "desiredvCpus", json_integer(e->desired_vcpus));
    json_array_foreach(json_object_get(resources, "ec2Configuration"), i, image)
    {
        (void)json_object_set_new(image, "batchImageStatus", json_string("LATEST"));
    }
}

static void add_to_access_entry(json_t *out)
{
    json_t *entry = json_object_get(json_object_get(out, "eksConfiguration"), "accessEntry");
    const char *desired = ob_json_str(entry, "desiredState", "");
    if (*desired)
        (void)json_object_set_new(
            entry, "status", json_string(strcmp(desired, "DISABLED") == 0 ? "INACTIVE" : "ACTIVE"));
}

json_t *environment_json(const api_request *req, const api_environment *e)
{
    char arn[API_ARN_MAX], cluster_arn[API_ARN_MAX], cluster[256];
    arn_compute_environment(arn, req->region, req->account, e->name);
    (void)snprintf(cluster, sizeof cluster, "%s_Batch_%s", e->name, e->uuid);
    arn_ecs_cluster(cluster_arn, req->region, req->account, cluster);
    json_t *out = json_deep_copy(e->body);
    json_t *resources = json_object_get(out, "computeResources");
    if (resources)
        add_to_resources(resources, e);
    add_to_access_entry(out);
    bool eks = environment_is_eks(e->body);
    json_auto_t *more =
        json_pack("{s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:s}", "computeEnvironmentName", e->name,
                  "computeEnvironmentArn", arn, "ecsClusterArn", eks ? NULL : cluster_arn, "type",
                  e->managed ? "MANAGED" : "UNMANAGED", "state",
                  e->enabled ? "ENABLED" : "DISABLED", "status", environment_status(e),
                  "containerOrchestrationType", eks ? "EKS" : "ECS", "uuid", e->uuid);
    (void)json_object_update(out, more);
    if (e->has_status)
        (void)json_object_set_new(out, "statusReason", json_string(e->reason));
    return out;
}
