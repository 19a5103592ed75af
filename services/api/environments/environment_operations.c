/* The operations on compute environments and on their instances: members, access rules, handlers.
 * Data only; read-only after the start. The members are those of the AWS Batch API reference. The
 * operations on instances are OpenBatch's own (docs/capacity.md). */
#include "environment_operations.h"

#include "eks_check.h"
#include "environment_check.h"
#include "request/field_tables.h"
#include "request/usage_range.h"

#define WHY_EC2 "works with the ec2 provider; stored only with other providers"
#define WHY_IMAGE                                                                                  \
    "the image is the one that imageIdOverride or imageId names, or else the provider's"
#define WHY_FLEET "there are no fleets; each Spot instance is requested separately"
#define WHY_NODES "OpenBatch makes no nodes of Kubernetes clusters"
#define WHY_LATEST                                                                                 \
    "true replaces the instances; the new ones start with the image that is the latest at that "   \
    "time"

static const api_field ec2_configuration[] = {
    STRING("imageType", .min = 1, .max = 256, REQUIRED, KEPT, .why = WHY_IMAGE),
    STRING("imageIdOverride", .max = 256, .why = WHY_EC2),
    STRING("batchImageStatus",
           KEPT,
           .why = "set by the service; the value in the request is not kept"),
    REFUSE("imageKubernetesVersion", .why = WHY_NODES),
    END,
};
static const api_field scaling_policy[] = {
    INT("minScaleDownDelayMinutes", .max = 10080),
    END,
};

#define LAUNCH_TEMPLATE                                                                            \
    STRING("launchTemplateId"), STRING("launchTemplateName"), STRING("version"),                   \
        REFUSE("userdataType", .why = WHY_NODES)
static const api_field template_override[] = {
    LAUNCH_TEMPLATE,
    STRINGS("targetInstanceTypes", .max = 20),
    END,
};
static const api_field launch_template[] = {
    LAUNCH_TEMPLATE,
    OBJECTS("overrides",
            template_override,
            .max = 10,
            KEPT,
            .why = "all instance types get the environment's template"),
    END,
};

#define RESOURCE_TYPE(...)                                                                         \
    STRING("type", .choice = "EC2|SPOT|FARGATE|FARGATE_SPOT",                                      \
           .refused_choice = "ECS_MANAGED_INSTANCES", .why = "ECS_MANAGED_INSTANCES is refused",   \
           .flags = FIELD_ANY_CASE __VA_ARGS__)
#define ALLOCATION_STRATEGIES                                                                      \
    "BEST_FIT|BEST_FIT_PROGRESSIVE|BEST_FIT_PROGRESSIVE_ORDERED|SPOT_CAPACITY_OPTIMIZED|"          \
    "SPOT_PRICE_CAPACITY_OPTIMIZED|SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"
/* Members that describe EC2's machine (image, key pair, role, network) have an effect only
 * there. */
#define COMPUTE_RESOURCES                                                                          \
    STRING("allocationStrategy", .choice = ALLOCATION_STRATEGIES),                                 \
        INT("minvCpus", .max = INT32_MAX), INT("desiredvCpus", .max = INT32_MAX),                  \
        STRINGS("instanceTypes"),                                                                  \
        INT("bidPercentage", .max = 100, .why = "no effect with type EC2, as on AWS"),             \
        STRINGS("subnets", .max = 16, .why = WHY_EC2),                                             \
        STRINGS("securityGroupIds", .why = WHY_EC2), STRING("instanceRole", .why = WHY_EC2),       \
        STRING("ec2KeyPair", .why = WHY_EC2), MAP("tags", .why = WHY_EC2),                         \
        STRING("imageId", .max = 256, .why = WHY_EC2), STRING("placementGroup", .why = WHY_EC2),   \
        OBJECT("launchTemplate", launch_template, .why = WHY_EC2),                                 \
        OBJECTS("ec2Configuration", ec2_configuration, .max = 2, .why = WHY_EC2),                  \
        OBJECT("scalingPolicy", scaling_policy),                                                   \
        REFUSE("managedInstancesProvider", .why = "for ECS_MANAGED_INSTANCES only"),               \
        REFUSE("capacityTags", .why = "for ECS_MANAGED_INSTANCES only")

static const api_field create_resources[] = {
    RESOURCE_TYPE(| FIELD_REQUIRED),
    INT("maxvCpus", .max = INT32_MAX, REQUIRED, .text = "Resource maxvCpus is required."),
    STRING("spotIamFleetRole", KEPT, .why = WHY_FLEET),
    COMPUTE_RESOURCES,
    END,
};
static const api_field update_resources[] = {
    RESOURCE_TYPE(),
    INT("maxvCpus", .max = INT32_MAX),
    BOOL("updateToLatestImageVersion", .why = WHY_LATEST),
    COMPUTE_RESOURCES,
    END,
};
static const api_field update_policy[] = {
    BOOL("terminateJobsOnUpdate"),
    INT("jobExecutionTimeoutMinutes", .min = 1, .max = 7200),
    END,
};
static const api_field access_entry[] = {
    STRING("desiredState", .choice = "ENABLED|DISABLED|INHERIT_FROM_CLUSTER", REQUIRED),
    STRING("status", KEPT, .why = "set by the service; the value in the request is not kept"),
    END,
};
#define ACCESS_ENTRY                                                                               \
    OBJECT("accessEntry", access_entry, KEPT,                                                      \
           .why = "OpenBatch uses the credentials that the operator gives it for the cluster")
static const api_field eks_configuration[] = {
    STRING("eksClusterArn", REQUIRED, .check = check_eks_cluster),
    STRING("kubernetesNamespace", .max = 63, REQUIRED, .check = check_eks_namespace),
    ACCESS_ENTRY,
    END,
};
static const api_field eks_update[] = { ACCESS_ENTRY, END };
static const api_field ecs_settings[] = {
    STRING("containerInsights", .choice = "DISABLED|ENABLED|ENHANCED"),
    END,
};

#define COMMON                                                                                     \
    STATE, INT("unmanagedvCpus", .max = INT32_MAX),                                                \
        STRING("serviceRole", KEPT, .why = "OpenBatch calls no service that needs a role"),        \
        STRING("context", KEPT, .why = "reserved by AWS"),                                         \
        OBJECT("ecsSettings", ecs_settings, KEPT,                                                  \
               .why = "there is no CloudWatch Container Insights")

static const api_field fields_create_compute_environment[] = {
    STRING("computeEnvironmentName", REQUIRED),
    STRING("type", .choice = "MANAGED|UNMANAGED", .flags = FIELD_REQUIRED | FIELD_ANY_CASE),
    OBJECT("computeResources", create_resources),
    TAGS("tags"),
    OBJECT("eksConfiguration", eks_configuration, .why = "UNMANAGED only"),
    COMMON,
    END,
};
static const api_field fields_update_compute_environment[] = {
    STRING("computeEnvironment", REQUIRED),
    OBJECT("computeResources", update_resources),
    OBJECT("updatePolicy", update_policy),
    OBJECT("eksConfiguration", eks_update),
    COMMON,
    END,
};
static const api_field fields_describe_compute_environments[] = {
    STRINGS("computeEnvironments", .max = 100), PAGE, END
};
static const api_field fields_delete_compute_environment[] = {
    STRING("computeEnvironment", REQUIRED), END
};

static const api_field fields_list_instances[] = {
    STRING("computeEnvironment", .min = 1, REQUIRED),
    PAGE,
    END,
};
static const api_field fields_describe_instance[] = {
    STRING("computeEnvironment", .min = 1, REQUIRED),
    STRING("instanceId", .min = 1, .max = 64, REQUIRED),
    PAGE,
    END,
};
static const api_field fields_get_compute_environment_usage[] = {
    STRING("computeEnvironment", .min = 1, REQUIRED),
    USAGE_RANGE,
    END,
};
static const api_field fields_interrupt_instance[] = {
    STRING("instanceId", .min = 1, .max = 64, REQUIRED),
    END,
};
static const api_field fields_create_join_token[] = {
    STRING("computeEnvironment", .min = 1, REQUIRED),
    END,
};

const api_operation environment_operations[] = {
    { API_BATCH, "/v1/createcomputeenvironment", "CreateComputeEnvironment",
      op_create_compute_environment, fields_create_compute_environment,
      .check = environment_check_new,
      .access =
          &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironmentName" } } } },
    { API_BATCH, "/v1/updatecomputeenvironment", "UpdateComputeEnvironment",
      op_update_compute_environment, fields_update_compute_environment,
      .check = environment_check_update,
      .access = &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironment" } } } },
    { API_BATCH, "/v1/describecomputeenvironments", "DescribeComputeEnvironments",
      op_describe_compute_environments, fields_describe_compute_environments,
      .audit = AUDIT_NOTHING, .heavy = true,
      .access =
          &(const access_rule){ .shows = { "computeEnvironments", "computeEnvironmentArn" } } },
    { API_BATCH, "/v1/deletecomputeenvironment", "DeleteComputeEnvironment",
      op_delete_compute_environment, fields_delete_compute_environment,
      .access = &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironment" } } } },
    { API_ADMIN, "/openbatch/v1/listinstances", "ListInstances", op_list_instances,
      fields_list_instances, .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironment" } } } },
    { API_ADMIN, "/openbatch/v1/describeinstance", "DescribeInstance", op_describe_instance,
      fields_describe_instance, .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironment" } } } },
    { API_ADMIN, "/openbatch/v1/getcomputeenvironmentusage", "GetComputeEnvironmentUsage",
      op_get_compute_environment_usage, fields_get_compute_environment_usage,
      .audit = AUDIT_NOTHING, .heavy = true, .plain = true,
      .access = &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironment" } } } },
    { API_ADMIN, "/openbatch/v1/interruptinstance", "InterruptInstance", op_interrupt_instance,
      fields_interrupt_instance, .plain = true,
      .access = &(const access_rule){ .uses = { { ACCESS_INSTANCE, "instanceId" } } } },
    { API_ADMIN, "/openbatch/v1/createjointoken", "CreateJoinToken", op_create_join_token,
      fields_create_join_token, .plain = true,
      .access = &(const access_rule){ .uses = { { ACCESS_ENVIRONMENT, "computeEnvironment" } } } },
    { 0 },
};
