/* Members of the operations on compute environments. Data only; read-only after the start. They are
 * those of the AWS Batch API reference. */
#include "ops_fields.h"

static const api_field ec2_configuration[] = {
    STRING("imageType", .min = 1, .max = 256, REQUIRED),
    REFUSE("imageIdOverride"),
    REFUSE("imageKubernetesVersion"),
    END,
};
static const api_field scaling_policy[] = { REFUSE("minScaleDownDelayMinutes"), END };

#define ALLOCATION_STRATEGIES                                                                      \
    "BEST_FIT|BEST_FIT_PROGRESSIVE|BEST_FIT_PROGRESSIVE_ORDERED|SPOT_CAPACITY_OPTIMIZED|"          \
    "SPOT_PRICE_CAPACITY_OPTIMIZED|SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"
/* What describes EC2's machine (image type, key pair, role, network) is stored and shown again;
 * what would make jobs run differently is refused until it does. */
#define COMPUTE_RESOURCES                                                                          \
    STRING("allocationStrategy", .choice = ALLOCATION_STRATEGIES),                                 \
        INT("desiredvCpus", .max = INT32_MAX), STRINGS("instanceTypes"),                           \
        STRINGS("subnets", .max = 16), STRINGS("securityGroupIds"), STRING("ec2KeyPair"),          \
        STRING("instanceRole"), MAP("tags"), INT("bidPercentage", .max = 100),                     \
        STRING("spotIamFleetRole"), OBJECTS("ec2Configuration", ec2_configuration, .max = 2),      \
        OBJECT("scalingPolicy", scaling_policy), REFUSE("imageId"), REFUSE("placementGroup"),      \
        REFUSE("launchTemplate"), REFUSE("managedInstancesProvider"), REFUSE("capacityTags"),      \
        REFUSE("updateToLatestImageVersion")

static const api_field create_resources[] = {
    STRING("type",
           .choice = "EC2|SPOT",
           .refused_choice = "FARGATE|FARGATE_SPOT|ECS_MANAGED_INSTANCES",
           .flags = FIELD_REQUIRED | FIELD_ANY_CASE),
    INT("minvCpus", .max = INT32_MAX, REQUIRED, .text = "Resource minvCpus is required."),
    INT("maxvCpus", .max = INT32_MAX, REQUIRED, .text = "Resource maxvCpus is required."),
    COMPUTE_RESOURCES,
    END,
};
static const api_field update_resources[] = {
    STRING("type",
           .choice = "EC2|SPOT",
           .refused_choice = "FARGATE|FARGATE_SPOT|ECS_MANAGED_INSTANCES",
           .flags = FIELD_ANY_CASE),
    INT("minvCpus", .max = INT32_MAX),
    INT("maxvCpus", .max = INT32_MAX),
    COMPUTE_RESOURCES,
    END,
};
static const api_field update_policy[] = {
    REFUSE("terminateJobsOnUpdate"),
    INT("jobExecutionTimeoutMinutes", .min = 1, .max = 7200),
    END,
};
static const api_field ecs_settings[] = {
    STRING("containerInsights", .choice = "DISABLED", .refused_choice = "ENABLED|ENHANCED"),
    END,
};

const api_field fields_create_compute_environment[] = {
    STRING("computeEnvironmentName", REQUIRED),
    STRING("type",
           .choice = "MANAGED",
           .refused_choice = "UNMANAGED",
           .flags = FIELD_REQUIRED | FIELD_ANY_CASE),
    STATE,
    REFUSE("unmanagedvCpus"),
    OBJECT("computeResources",
           create_resources,
           REQUIRED,
           .text = "computeResources must be provided for a MANAGED compute environment"),
    STRING("serviceRole"),
    TAGS("tags"),
    REFUSE("eksConfiguration"),
    REFUSE("context"),
    OBJECT("ecsSettings", ecs_settings),
    END,
};
const api_field fields_update_compute_environment[] = {
    STRING("computeEnvironment", REQUIRED),
    STATE,
    REFUSE("unmanagedvCpus"),
    OBJECT("computeResources", update_resources),
    STRING("serviceRole"),
    OBJECT("updatePolicy", update_policy),
    REFUSE("eksConfiguration"),
    REFUSE("context"),
    OBJECT("ecsSettings", ecs_settings),
    END,
};
const api_field fields_describe_compute_environments[] = {
    STRINGS("computeEnvironments", .max = 100), PAGE, END
};
const api_field fields_delete_compute_environment[] = { STRING("computeEnvironment", REQUIRED),
                                                        END };
