/* The table of operations and, for each, of its request's members: what is required, allowed, and
 * not effective yet. Data only; read-only after the start. The members are those of the AWS Batch
 * API reference (API version 2016-08-10). */
#include "ops.h"

#include <string.h>

#include "api_store.h"
#include "container_check.h"
#include "job_store.h"
#include "keys.h"
#include "log_store.h"

#define STRING(n, ...)                                                                             \
    {                                                                                              \
        .name = n, .kind = KIND_STRING, ##__VA_ARGS__                                              \
    }
#define INT(n, ...)                                                                                \
    {                                                                                              \
        .name = n, .kind = KIND_INT, ##__VA_ARGS__                                                 \
    }
#define BOOL(n, ...)                                                                               \
    {                                                                                              \
        .name = n, .kind = KIND_BOOL, ##__VA_ARGS__                                                \
    }
#define MAP(n, ...)                                                                                \
    {                                                                                              \
        .name = n, .kind = KIND_MAP, ##__VA_ARGS__                                                 \
    }
#define OBJECT(n, members, ...)                                                                    \
    {                                                                                              \
        .name = n, .kind = KIND_OBJECT, .of = members, ##__VA_ARGS__                               \
    }
#define STRINGS(n, ...)                                                                            \
    {                                                                                              \
        .name = n, .kind = KIND_LIST, .item = KIND_STRING, ##__VA_ARGS__                           \
    }
#define OBJECTS(n, members, ...)                                                                   \
    {                                                                                              \
        .name = n, .kind = KIND_LIST, .item = KIND_OBJECT, .of = members, ##__VA_ARGS__            \
    }
#define LATER(n)                                                                                   \
    {                                                                                              \
        .name = n, .flags = FIELD_LATER                                                            \
    }
#define NOT_ON_EC2(n)                                                                              \
    {                                                                                              \
        .name = n, .flags = FIELD_LATER, .text = n " not applicable for EC2."                      \
    }
#define TAGS(n)                                                                                    \
    {                                                                                              \
        .name = n, .kind = KIND_MAP, .flags = FIELD_TAGS                                           \
    }
#define REQUIRED .flags = FIELD_REQUIRED
#define STATE STRING("state", .choice = "ENABLED|DISABLED", .flags = FIELD_ANY_CASE)
#define PAGE INT("maxResults"), STRING("nextToken")
#define END                                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

/* ---- compute environments -------------------------------------------------------------------- */

static const api_field ec2_configuration[] = {
    STRING("imageType", .min = 1, .max = 256, REQUIRED),
    LATER("imageIdOverride"),
    LATER("imageKubernetesVersion"),
    END,
};
static const api_field scaling_policy[] = { LATER("minScaleDownDelayMinutes"), END };

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
        OBJECT("scalingPolicy", scaling_policy), LATER("imageId"), LATER("placementGroup"),        \
        LATER("launchTemplate"), LATER("managedInstancesProvider"), LATER("capacityTags"),         \
        LATER("updateToLatestImageVersion")

static const api_field create_resources[] = {
    STRING("type",
           .choice = "EC2|SPOT",
           .later_choice = "FARGATE|FARGATE_SPOT|ECS_MANAGED_INSTANCES",
           .flags = FIELD_REQUIRED | FIELD_ANY_CASE),
    INT("minvCpus", .max = INT32_MAX, REQUIRED, .text = "Resource minvCpus is required."),
    INT("maxvCpus", .max = INT32_MAX, REQUIRED, .text = "Resource maxvCpus is required."),
    COMPUTE_RESOURCES,
    END,
};
static const api_field update_resources[] = {
    STRING("type",
           .choice = "EC2|SPOT",
           .later_choice = "FARGATE|FARGATE_SPOT|ECS_MANAGED_INSTANCES",
           .flags = FIELD_ANY_CASE),
    INT("minvCpus", .max = INT32_MAX),
    INT("maxvCpus", .max = INT32_MAX),
    COMPUTE_RESOURCES,
    END,
};
static const api_field update_policy[] = {
    LATER("terminateJobsOnUpdate"),
    INT("jobExecutionTimeoutMinutes", .min = 1, .max = 7200),
    END,
};
static const api_field ecs_settings[] = {
    STRING("containerInsights", .choice = "DISABLED", .later_choice = "ENABLED|ENHANCED"),
    END,
};

static const api_field create_compute_environment[] = {
    STRING("computeEnvironmentName", REQUIRED),
    STRING("type",
           .choice = "MANAGED",
           .later_choice = "UNMANAGED",
           .flags = FIELD_REQUIRED | FIELD_ANY_CASE),
    STATE,
    LATER("unmanagedvCpus"),
    OBJECT("computeResources",
           create_resources,
           REQUIRED,
           .text = "computeResources must be provided for a MANAGED compute environment"),
    STRING("serviceRole"),
    TAGS("tags"),
    LATER("eksConfiguration"),
    LATER("context"),
    OBJECT("ecsSettings", ecs_settings),
    END,
};
static const api_field update_compute_environment[] = {
    STRING("computeEnvironment", REQUIRED),
    STATE,
    LATER("unmanagedvCpus"),
    OBJECT("computeResources", update_resources),
    STRING("serviceRole"),
    OBJECT("updatePolicy", update_policy),
    LATER("eksConfiguration"),
    LATER("context"),
    OBJECT("ecsSettings", ecs_settings),
    END,
};
static const api_field describe_compute_environments[] = {
    STRINGS("computeEnvironments", .max = 100), PAGE, END
};
static const api_field delete_compute_environment[] = { STRING("computeEnvironment", REQUIRED),
                                                        END };

/* ---- job queues ------------------------------------------------------------------------------ */

static const api_field environment_order[] = {
    INT("order", REQUIRED),
    STRING("computeEnvironment", REQUIRED),
    END,
};
#define QUEUE_PRIORITY_MAX 1000000
static const api_field create_job_queue[] = {
    STRING("jobQueueName", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX, REQUIRED),
    STATE,
    LATER("schedulingPolicyArn"),
    OBJECTS("computeEnvironmentOrder", environment_order, .max = 3),
    LATER("serviceEnvironmentOrder"),
    STRING("jobQueueType",
           .choice = "ECS",
           .later_choice = "EKS|ECS_FARGATE|SAGEMAKER_TRAINING|ECS_MANAGED_INSTANCES"),
    TAGS("tags"),
    LATER("jobStateTimeLimitActions"),
    END,
};
static const api_field update_job_queue[] = {
    STRING("jobQueue", REQUIRED),
    INT("priority", .max = QUEUE_PRIORITY_MAX),
    STATE,
    LATER("schedulingPolicyArn"),
    OBJECTS("computeEnvironmentOrder", environment_order, .max = 3),
    LATER("serviceEnvironmentOrder"),
    LATER("jobStateTimeLimitActions"),
    END,
};
static const api_field describe_job_queues[] = { STRINGS("jobQueues", .max = 100), PAGE, END };
static const api_field delete_job_queue[] = { STRING("jobQueue", REQUIRED), END };

/* ---- containers ------------------------------------------------------------------------------ */

static const api_field environment[] = { STRING("name"), STRING("value"), END };
static const api_field requirements[] = {
    STRING("type", .choice = "VCPU|MEMORY", .later_choice = "GPU", REQUIRED),
    STRING("value", REQUIRED),
    END,
};
static const api_field host[] = { STRING("sourcePath"), END };
static const api_field volumes[] = {
    STRING("name", REQUIRED),
    OBJECT("host", host),
    LATER("efsVolumeConfiguration"),
    LATER("s3filesVolumeConfiguration"),
    END,
};
static const api_field mount_points[] = {
    STRING("sourceVolume", REQUIRED),
    STRING("containerPath", REQUIRED),
    BOOL("readOnly"),
    END,
};
static const api_field linux_parameters[] = {
    LATER("devices"),
    LATER("initProcessEnabled"),
    LATER("sharedMemorySize"),
    LATER("tmpfs"),
    LATER("maxSwap"),
    LATER("swappiness"),
    END,
};
static const api_field log_configuration[] = {
    STRING("logDriver",
           .choice = "awslogs",
           .later_choice = "json-file|syslog|journald|gelf|fluentd|splunk|awsfirelens",
           REQUIRED),
    MAP("options"),
    LATER("secretOptions"),
    END,
};
static const api_field container_properties[] = {
    STRING("image", .min = 1, .max = 255, REQUIRED, .check = check_image),
    INT("vcpus", .min = 1, .max = INT32_MAX / 1000),
    INT("memory", .min = 4, .max = INT32_MAX),
    OBJECTS("resourceRequirements", requirements, .check = check_requirements),
    STRINGS("command"),
    OBJECTS("environment", environment, .check = check_environment_names),
    STRING("jobRoleArn"),
    STRING("executionRoleArn"),
    OBJECTS("volumes", volumes),
    OBJECTS("mountPoints", mount_points),
    BOOL("readonlyRootFilesystem"),
    BOOL("privileged"),
    STRING("user", .check = check_user),
    LATER("ulimits"),
    LATER("instanceType"),
    OBJECT("linuxParameters", linux_parameters),
    OBJECT("logConfiguration", log_configuration, .check = check_log_configuration),
    LATER("secrets"),
    NOT_ON_EC2("networkConfiguration"),
    NOT_ON_EC2("fargatePlatformConfiguration"),
    NOT_ON_EC2("ephemeralStorage"),
    LATER("runtimePlatform"),
    LATER("repositoryCredentials"),
    LATER("enableExecuteCommand"),
    END,
};
static const api_field retry_strategy[] = {
    INT("attempts",
        .min = 1,
        .max = 10,
        .later_above = 1,
        REQUIRED,
        .text = "RetryAttempts must be provided with retry strategy"),
    LATER("evaluateOnExit"),
    END,
};
static const api_field timeout[] = { LATER("attemptDurationSeconds"), END };

/* ---- job definitions ------------------------------------------------------------------------- */

static const api_field register_job_definition[] = {
    STRING("jobDefinitionName", REQUIRED),
    STRING("type", .choice = "container", .later_choice = "multinode", REQUIRED),
    MAP("parameters"),
    INT("schedulingPriority", .max = 9999),
    LATER("nodeProperties"),
    LATER("ecsProperties"),
    LATER("eksProperties"),
    OBJECT("containerProperties", container_properties, REQUIRED, .check = check_container),
    OBJECT("retryStrategy", retry_strategy),
    OBJECT("timeout", timeout),
    BOOL("propagateTags"),
    TAGS("tags"),
    STRINGS("platformCapabilities", .choice = "EC2", .later_choice = "FARGATE|MANAGED_INSTANCES"),
    LATER("consumableResourceProperties"),
    END,
};
static const api_field describe_job_definitions[] = {
    STRINGS("jobDefinitions", .max = 100), STRING("jobDefinitionName"), STRING("status"), PAGE, END,
};
static const api_field deregister_job_definition[] = { STRING("jobDefinition", REQUIRED), END };

/* ---- jobs ------------------------------------------------------------------------------------ */

#define FAIR_SHARE_ONLY(n)                                                                         \
    {                                                                                              \
        .name = n, .flags = FIELD_LATER,                                                           \
        .text =                                                                                    \
            "Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue "    \
            "with fair share scheduling policy."                                                   \
    } /* the missing blank is AWS's */
static const api_field array_properties[] = { INT("size", .min = 2, .max = 10000), END };
static const api_field container_overrides[] = {
    INT("vcpus", .min = 1, .max = INT32_MAX / 1000),
    INT("memory", .min = 4, .max = INT32_MAX),
    STRINGS("command"),
    LATER("instanceType"),
    OBJECTS("environment", environment, .check = check_environment_names),
    OBJECTS("resourceRequirements", requirements, .check = check_requirements),
    END,
};
static const api_field submit_job[] = {
    STRING("jobName", REQUIRED),
    STRING("jobQueue", REQUIRED),
    STRING("jobDefinition", REQUIRED),
    FAIR_SHARE_ONLY("shareIdentifier"),
    FAIR_SHARE_ONLY("schedulingPriorityOverride"),
    OBJECT("arrayProperties", array_properties),
    LATER("dependsOn"),
    MAP("parameters"),
    OBJECT("containerOverrides", container_overrides),
    LATER("nodeOverrides"),
    LATER("ecsPropertiesOverride"),
    LATER("eksPropertiesOverride"),
    OBJECT("retryStrategy", retry_strategy),
    OBJECT("timeout", timeout),
    BOOL("propagateTags"),
    TAGS("tags"),
    LATER("consumableResourcePropertiesOverride"),
    END,
};
static const api_field describe_jobs[] = { STRINGS("jobs", REQUIRED), END };
static const api_field list_jobs[] = {
    STRING("jobQueue"),
    STRING("arrayJobId"),
    STRING("multiNodeJobId"),
    STRING("jobStatus"),
    LATER("filters"),
    PAGE,
    END,
};
static const api_field stop_job[] = {
    STRING("jobId", REQUIRED),
    STRING("reason", .max = 1024, REQUIRED),
    END,
};

static const api_field get_log_events[] = {
    STRING("logGroupName"),
    STRING("logGroupIdentifier"),
    STRING("logStreamName", REQUIRED),
    INT("startTime", .min = 0, .max = INT64_MAX / 1024),
    INT("endTime", .min = 0, .max = INT64_MAX / 1024),
    STRING("nextToken"),
    INT("limit"),
    BOOL("startFromHead"),
    BOOL("unmask"),
    END,
};

const api_operation api_operations[] = {
    { API_BATCH, "/v1/createcomputeenvironment", "CreateComputeEnvironment",
      op_create_compute_environment, create_compute_environment },
    { API_BATCH, "/v1/updatecomputeenvironment", "UpdateComputeEnvironment",
      op_update_compute_environment, update_compute_environment },
    { API_BATCH, "/v1/describecomputeenvironments", "DescribeComputeEnvironments",
      op_describe_compute_environments, describe_compute_environments },
    { API_BATCH, "/v1/deletecomputeenvironment", "DeleteComputeEnvironment",
      op_delete_compute_environment, delete_compute_environment },
    { API_BATCH, "/v1/createjobqueue", "CreateJobQueue", op_create_job_queue, create_job_queue },
    { API_BATCH, "/v1/updatejobqueue", "UpdateJobQueue", op_update_job_queue, update_job_queue },
    { API_BATCH, "/v1/describejobqueues", "DescribeJobQueues", op_describe_job_queues,
      describe_job_queues },
    { API_BATCH, "/v1/deletejobqueue", "DeleteJobQueue", op_delete_job_queue, delete_job_queue },
    { API_BATCH, "/v1/registerjobdefinition", "RegisterJobDefinition", op_register_job_definition,
      register_job_definition },
    { API_BATCH, "/v1/describejobdefinitions", "DescribeJobDefinitions",
      op_describe_job_definitions, describe_job_definitions },
    { API_BATCH, "/v1/deregisterjobdefinition", "DeregisterJobDefinition",
      op_deregister_job_definition, deregister_job_definition },
    { API_BATCH, "/v1/submitjob", "SubmitJob", op_submit_job, submit_job },
    { API_BATCH, "/v1/describejobs", "DescribeJobs", op_describe_jobs, describe_jobs },
    { API_BATCH, "/v1/listjobs", "ListJobs", op_list_jobs, list_jobs },
    { API_BATCH, "/v1/canceljob", "CancelJob", op_cancel_job, stop_job },
    { API_BATCH, "/v1/terminatejob", "TerminateJob", op_terminate_job, stop_job },
    { API_LOGS, "Logs_20140328.GetLogEvents", "GetLogEvents", op_get_log_events, get_log_events,
      .plain = true },
    { 0 },
};

const api_operation *api_operation_find(api_protocol protocol, const char *key)
{
    for (const api_operation *op = api_operations; op->key; op++)
        if (op->protocol == protocol && strcmp(op->key, key) == 0)
            return op;
    return NULL;
}

const ob_db_stmt *const api_stmt_tables[] = { keys_stmts, api_store_stmts, job_store_stmts,
                                              log_store_stmts, NULL };

int req_db(api_request *req, ob_error *err)
{
    return req->db ? 0 : db_pool_take(req->ctx->pool, &req->db, err);
}

void req_db_release(api_request *req)
{
    db_pool_give(req->ctx->pool, req->db);
    req->db = NULL;
}

int req_exec(api_request *req, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_exec(req->db, stmt, p, ret, err);
}

int req_sql(api_request *req, const char *sql, ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_sql(req->db, sql, NULL, NULL, err);
}
