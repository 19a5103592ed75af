/* Owns the rules between the parts of a submission: kind of definition, capabilities of the queue,
 * scheduling policy, overrides. Never touches the database. Pure: any thread. */
#include "submit_check.h"

#include <string.h>

#include "container_resolve.h"
#include "definitions/container_check.h"
#include "ob/array_part.h"
#include "ob/message.h"

static bool is_eks(const json_t *definition)
{
    return !json_is_nothing(json_object_get(definition, "eksProperties"));
}

/* Overrides go with the kind of properties that they override. */
static int check_kind(const api_request *req, const json_t *definition, api_reply *rep)
{
    /* Definitions that OpenBatch stores but does not run. */
    static const char *const kinds[] = { "nodeProperties", "ecsProperties",
                                         "consumableResourceProperties" };
    if (is_eks(definition) && !json_is_nothing(json_object_get(req->body, "containerOverrides")))
        return api_client_error(
            rep, "Container overrides or node overrides should not be set for Batch on EKS jobs.");
    if (is_eks(definition) && json_is_true(json_object_get(req->body, "propagateTags")))
        return api_client_error(rep, "propagateTags is not applicable for EKS.");
    if (!is_eks(definition) &&
        !json_is_nothing(json_object_get(req->body, "eksPropertiesOverride")))
        return api_client_error(rep,
                                "eksPropertiesOverride can only be set for Batch on EKS jobs.");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!json_is_nothing(json_object_get(definition, kinds[i])))
            return api_client_error(
                rep, "Jobs of a job definition with %s are not supported by OpenBatch yet.",
                kinds[i]);
    return 0;
}

/* Without capabilities a definition is for EC2. */
static bool can_run_on(const json_t *definition, const char *capability)
{
    const json_t *list = json_object_get(definition, "platformCapabilities");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), capability) == 0)
            return true;
    }
    return json_array_size(list) == 0 && strcmp(capability, "EC2") == 0;
}

static int check_capability(const api_queue *queue, const json_t *definition, api_reply *rep)
{
    const char *lacks = NULL;
    if (is_eks(definition) != queue->eks)
        lacks = queue->eks ? (can_run_on(definition, "EC2") ? "EC2" : "FARGATE") : "EKS";
    else if (!queue->eks && !can_run_on(definition, queue->fargate ? "FARGATE" : "EC2"))
        lacks = queue->fargate ? "EC2" : "FARGATE";
    if (!lacks)
        return 0;
    return api_client_error(rep,
                            "Job Queue is attached to Compute Environment that can not run Jobs "
                            "with capability %s.",
                            lacks);
}

static int check_share(const api_request *req, const api_queue *queue, api_reply *rep)
{
    bool share = !json_is_nothing(json_object_get(req->body, "shareIdentifier"));
    bool priority = json_object_get(req->body, "schedulingPriorityOverride") != NULL;
    if (!queue->fair_share && (share || priority)) /* the missing space is AWS's */
        return api_client_error(
            rep, "Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue "
                 "with fair share scheduling policy.");
    if (queue->fair_share && !share)
        return api_client_error(
            rep, "Job submitted to a job queue with fair share scheduling policy must have a "
                 "shareIdentifier.");
    return 0;
}

/* Fargate does not have the older members. */
static int check_overrides(const api_request *req, const api_queue *queue, api_reply *rep)
{
    const json_t *overrides = json_object_get(req->body, "containerOverrides");
    size_t i;
    json_t *word;
    for (const char *const *name = (const char *const[]){ "vcpus", "memory", NULL };
         queue->fargate && *name; name++)
        if (json_object_get(overrides, *name) != NULL)
            return api_client_error(
                rep, "%s is not applicable for Fargate. Use resource requirements instead.", *name);
    json_array_foreach(json_object_get(overrides, "command"), i, word)
    {
        if (json_string_length(word) == 0)
            return api_client_error(rep, "Command cannot be empty");
    }
    return 0;
}

int submit_check(const api_request *req,
                 const api_queue *queue,
                 const api_definition *definition,
                 api_reply *rep)
{
    int r = check_kind(req, definition->body, rep);
    if (r == 0)
        r = check_capability(queue, definition->body, rep);
    if (r == 0)
        r = check_share(req, queue, rep);
    return r < 0 ? r : check_overrides(req, queue, rep);
}

/* A part of an array (ob/array_part.h) names an index for each child; a single job is one. */
static int check_part(const api_request *req, const json_t *environment, api_reply *rep)
{
    int64_t size =
        ob_json_int(json_object_get(req->body, "arrayProperties"), "size", 1 /* a single job */);
    size_t i;
    const json_t *pair;
    json_array_foreach(environment, i, pair)
    {
        const char *text = ob_json_str(pair, "value", "");
        int n = 0, index = 0, whole = 0;
        if (strcmp(ob_json_str(pair, "name", ""), OB_ARRAY_PART) != 0)
            continue;
        if (!ob_array_part_read(text, 0, &n, &index, &whole))
            return api_client_error(rep,
                                    OB_ARRAY_PART " is not valid: indexes that rise and the size "
                                                  "of their array are needed, as in 3,7,11-18/40.");
        if (n != size)
            return api_client_error(rep,
                                    OB_ARRAY_PART " names %d indexes, but there are %lld jobs.", n,
                                    (long long)size);
    }
    return 0;
}

static int check_need(const ob_resources *need, api_reply *rep)
{
    if (need->mcpu <= 0)
        return api_client_error(rep, "vCPU is not provided.");
    if (need->mem_mib <= 0)
        return api_client_error(rep, "Memory is not provided.");
    return 0;
}

int submit_check_container(const api_request *req,
                           const api_queue *queue,
                           const json_t *container,
                           api_reply *rep)
{
    ob_error why = { 0 };
    ob_resources need = container_need(container);
    if (ob_permits_check(&req->ctx->permits, container, &why) < 0)
        return api_client_error(rep, "%s", why.text);
    if (ob_host_guard_check(req->ctx->guard, container, false, &why) < 0)
        return api_client_error(rep, "%s", why.text);
    int r = check_need(&need, rep);
    if (r == 0)
        r = check_part(req, json_object_get(container, "environment"), rep);
    if (r < 0)
        return r;
    return container_check_platform(
        container, queue->fargate,
        &(const api_field_where){ "containerProperties", req->request_id, rep });
}

int submit_check_pod(const api_request *req,
                     const json_t *pod,
                     const json_t *host,
                     const ob_resources *need,
                     api_reply *rep)
{
    ob_error why = { 0 };
    size_t i;
    json_t *one;
    if (ob_permits_check_whole(&req->ctx->permits, host, &why) < 0 ||
        ob_host_guard_check(req->ctx->guard, host, false, &why) < 0)
        return api_client_error(rep, "%s", why.text);
    int r = check_need(need, rep);
    json_array_foreach(json_object_get(pod, "containers"), i, one)
    {
        if (r == 0)
            r = check_part(req, json_object_get(one, "env"), rep);
    }
    return r;
}
