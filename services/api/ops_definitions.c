/* Members of the operations on job definitions, and what jobs share with them. Data only; read-only
 * after the start. They are those of the AWS Batch API reference. */
#include "ops_fields.h"

#include "container_check.h"

const api_field fields_environment[] = { STRING("name"), STRING("value"), END };
const api_field fields_requirements[] = {
    STRING("type", .choice = "VCPU|MEMORY", .refused_choice = "GPU", REQUIRED),
    STRING("value", REQUIRED),
    END,
};
static const api_field host[] = { STRING("sourcePath"), END };
static const api_field volumes[] = {
    STRING("name", REQUIRED),
    OBJECT("host", host),
    REFUSE("efsVolumeConfiguration"),
    REFUSE("s3filesVolumeConfiguration"),
    END,
};
static const api_field mount_points[] = {
    STRING("sourceVolume", REQUIRED),
    STRING("containerPath", REQUIRED),
    BOOL("readOnly"),
    END,
};
static const api_field linux_parameters[] = {
    REFUSE("devices"),
    REFUSE("initProcessEnabled"),
    REFUSE("sharedMemorySize"),
    REFUSE("tmpfs"),
    REFUSE("maxSwap"),
    REFUSE("swappiness"),
    END,
};
static const api_field log_configuration[] = {
    STRING("logDriver",
           .choice = "awslogs",
           .refused_choice = "json-file|syslog|journald|gelf|fluentd|splunk|awsfirelens",
           REQUIRED),
    MAP("options"),
    REFUSE("secretOptions"),
    END,
};
static const api_field container_properties[] = {
    STRING("image", .min = 1, .max = 255, REQUIRED, .check = check_image),
    INT("vcpus", .min = 1, .max = INT32_MAX / 1000),
    INT("memory", .min = 4, .max = INT32_MAX),
    OBJECTS("resourceRequirements", fields_requirements, .check = check_requirements),
    STRINGS("command"),
    OBJECTS("environment", fields_environment, .check = check_environment_names),
    STRING("jobRoleArn"),
    STRING("executionRoleArn"),
    OBJECTS("volumes", volumes),
    OBJECTS("mountPoints", mount_points),
    BOOL("readonlyRootFilesystem"),
    BOOL("privileged"),
    STRING("user", .check = check_user),
    REFUSE("ulimits"),
    REFUSE("instanceType"),
    OBJECT("linuxParameters", linux_parameters),
    OBJECT("logConfiguration", log_configuration, .check = check_log_configuration),
    REFUSE("secrets"),
    REFUSE("networkConfiguration",
           .text = "networkConfiguration"
                   " not applicable for EC2."),
    REFUSE("fargatePlatformConfiguration",
           .text = "fargatePlatformConfiguration"
                   " not applicable for EC2."),
    REFUSE("ephemeralStorage",
           .text = "ephemeralStorage"
                   " not applicable for EC2."),
    REFUSE("runtimePlatform"),
    REFUSE("repositoryCredentials"),
    REFUSE("enableExecuteCommand"),
    END,
};
const api_field fields_retry_strategy[] = {
    INT("attempts",
        .min = 1,
        .max = 10,
        .refused_above = 1,
        REQUIRED,
        .text = "RetryAttempts must be provided with retry strategy"),
    REFUSE("evaluateOnExit"),
    END,
};
const api_field fields_timeout[] = { REFUSE("attemptDurationSeconds"), END };

const api_field fields_register_job_definition[] = {
    STRING("jobDefinitionName", REQUIRED),
    STRING("type", .choice = "container", .refused_choice = "multinode", REQUIRED),
    MAP("parameters"),
    INT("schedulingPriority", .max = 9999),
    REFUSE("nodeProperties"),
    REFUSE("ecsProperties"),
    REFUSE("eksProperties"),
    OBJECT("containerProperties", container_properties, REQUIRED, .check = check_container),
    OBJECT("retryStrategy", fields_retry_strategy),
    OBJECT("timeout", fields_timeout),
    BOOL("propagateTags"),
    TAGS("tags"),
    STRINGS("platformCapabilities", .choice = "EC2", .refused_choice = "FARGATE|MANAGED_INSTANCES"),
    REFUSE("consumableResourceProperties"),
    END,
};
const api_field fields_describe_job_definitions[] = {
    STRINGS("jobDefinitions", .max = 100), STRING("jobDefinitionName"), STRING("status"), PAGE, END,
};
const api_field fields_deregister_job_definition[] = { STRING("jobDefinition", REQUIRED), END };
