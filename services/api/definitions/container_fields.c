/* Members of containers in definitions and in parts of other definitions. Data only; read-only
 * after the start. They follow the AWS Batch API reference, "ContainerProperties" */
#include "definition_fields.h"
#include "request/field_tables.h"

#include "container_check.h"

const api_field fields_environment[] = { STRING("name"), STRING("value"), END };
const api_field fields_requirements[] = {
    STRING("type", .choice = "VCPU|MEMORY|GPU", REQUIRED),
    STRING("value", REQUIRED),
    END,
};

static const api_field host[] = { STRING("sourcePath"), END };
const api_field fields_volumes[] = {
    STRING("name", REQUIRED),
    OBJECT("host", host),
    REFUSE("efsVolumeConfiguration", .why = "the job would get an empty folder"),
    REFUSE("s3filesVolumeConfiguration", .why = "the job would get an empty folder"),
    END,
};
const api_field fields_mount_points[] = {
    STRING("sourceVolume", REQUIRED),
    STRING("containerPath", REQUIRED),
    BOOL("readOnly"),
    END,
};

static const api_field devices[] = {
    STRING("hostPath", REQUIRED),
    STRING("containerPath"),
    STRINGS("permissions", .choice = "READ|WRITE|MKNOD"),
    END,
};
static const api_field tmpfs[] = {
    STRING("containerPath", REQUIRED),
    INT("size", .min = 1, .max = INT32_MAX, REQUIRED),
    STRINGS("mountOptions", .check = check_mount_options),
    END,
};
const api_field fields_linux_parameters[] = {
    OBJECTS("devices", devices),
    BOOL("initProcessEnabled"),
    INT("sharedMemorySize", .max = INT32_MAX),
    OBJECTS("tmpfs", tmpfs),
    INT("maxSwap", .min = 0, .max = INT32_MAX),
    INT("swappiness", .min = 0, .max = 100),
    END,
};

const api_field fields_ulimits[] = {
    STRING("name",
           .choice = "core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|"
                     "rttime|sigpending|stack",
           REQUIRED),
    INT("softLimit", .min = -1, .max = INT32_MAX, REQUIRED),
    INT("hardLimit", .min = -1, .max = INT32_MAX, REQUIRED),
    END,
};

const api_field fields_secrets[] = {
    STRING("name", REQUIRED),
    STRING("valueFrom", REQUIRED),
    END,
};
const api_field fields_log_configuration[] = {
    STRING("logDriver",
           .choice = "json-file|syslog|journald|gelf|fluentd|awslogs|splunk|awsfirelens",
           REQUIRED),
    MAP("options",
        .why = "with the driver awslogs only awslogs-group, awslogs-region and "
               "awslogs-stream-prefix have an effect"),
    OBJECTS("secretOptions", fields_secrets),
    END,
};

const api_field fields_network[] = {
    STRING("assignPublicIp", .choice = "ENABLED|DISABLED"),
    END,
};
const api_field fields_ephemeral_storage[] = {
    INT("sizeInGiB", .min = 21, .max = 200, REQUIRED),
    END,
};
const api_field fields_runtime_platform[] = {
    STRING("operatingSystemFamily",
           .choice = "LINUX",
           .refused_choice = "WINDOWS_SERVER_2019_CORE|WINDOWS_SERVER_2019_FULL|"
                             "WINDOWS_SERVER_2022_CORE|WINDOWS_SERVER_2022_FULL",
           .why = "only LINUX"),
    STRING("cpuArchitecture", .choice = "X86_64|ARM64"),
    END,
};
const api_field fields_credentials[] = { STRING("credentialsParameter", REQUIRED), END };
static const api_field fargate_platform[] = { STRING("platformVersion"), END };

#define WHY_FARGATE .why = "Fargate jobs use the executor's network and disk"

/* All but instanceType. */
#define CONTAINER                                                                                  \
    STRING("image", .min = 1, .max = 255, REQUIRED, .check = check_image),                         \
        INT("vcpus", .min = 1, .max = INT32_MAX / 1000),                                           \
        INT("memory", .min = 4, .max = INT32_MAX),                                                 \
        OBJECTS("resourceRequirements", fields_requirements, .check = check_requirements),         \
        STRINGS("command"),                                                                        \
        OBJECTS("environment", fields_environment, .check = check_environment_names),              \
        STRING("jobRoleArn", KEPT, .why = WHY_ROLES),                                              \
        STRING("executionRoleArn", KEPT, .why = WHY_ROLES), OBJECTS("volumes", fields_volumes),    \
        OBJECTS("mountPoints", fields_mount_points), BOOL("readonlyRootFilesystem"),               \
        BOOL("privileged"), STRING("user", .check = check_user),                                   \
        OBJECTS("ulimits", fields_ulimits, .check = check_ulimits),                                \
        OBJECT("linuxParameters", fields_linux_parameters),                                        \
        OBJECT("logConfiguration", fields_log_configuration, .check = check_log_configuration),    \
        OBJECTS("secrets", fields_secrets, .check = check_secrets),                                \
        OBJECT("networkConfiguration", fields_network, KEPT, WHY_FARGATE),                         \
        OBJECT("fargatePlatformConfiguration", fargate_platform, KEPT, WHY_FARGATE),               \
        OBJECT("ephemeralStorage", fields_ephemeral_storage, KEPT, WHY_FARGATE),                   \
        OBJECT("runtimePlatform", fields_runtime_platform),                                        \
        OBJECT("repositoryCredentials", fields_credentials),                                       \
        BOOL("enableExecuteCommand", KEPT,                                                         \
             .why = "there is no Systems Manager that could open a session")

const api_field fields_container[] = {
    CONTAINER,
    REFUSE("instanceType",
           .text = "containerProperties.instanceType can only be set for multi-node parallel jobs.",
           .why = "for multi-node parallel jobs only"),
    END,
};
const api_field fields_node_container[] = { CONTAINER, STRING("instanceType"), END };
