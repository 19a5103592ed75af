/* Members of definitions that OpenBatch stores but does not run: ECS tasks with several containers,
 * multi-node parallel jobs. Data only; read-only after the start. They are those of the AWS Batch
 * API reference ("EcsProperties", "NodeProperties"). */
#include "definition_fields.h"
#include "request/field_tables.h"

#include "container_check.h"
#include "definition_check.h"

/* ---- ECS tasks ------------------------------------------------------------------------------- */

static const api_field depends_on[] = {
    STRING("containerName", REQUIRED),
    STRING("condition", .choice = "START|COMPLETE|SUCCESS", REQUIRED),
    END,
};
static const api_field firelens[] = {
    STRING("type", .choice = "fluentd|fluentbit", REQUIRED),
    MAP("options"),
    END,
};
static const api_field task_container[] = {
    STRING("name"),
    STRING("image", .min = 1, .max = 255, REQUIRED, .check = check_image),
    BOOL("essential"),
    STRINGS("command"),
    OBJECTS("dependsOn", depends_on),
    OBJECTS("environment", fields_environment, .check = check_environment_names),
    OBJECT("firelensConfiguration", firelens),
    OBJECT("linuxParameters", fields_linux_parameters),
    OBJECT("logConfiguration", fields_log_configuration, .check = check_log_configuration),
    OBJECTS("mountPoints", fields_mount_points),
    BOOL("privileged"),
    BOOL("readonlyRootFilesystem"),
    OBJECT("repositoryCredentials", fields_credentials),
    OBJECTS("resourceRequirements", fields_requirements, .check = check_requirements),
    OBJECTS("secrets", fields_secrets, .check = check_secrets),
    OBJECTS("ulimits", fields_ulimits, .check = check_ulimits),
    STRING("user", .check = check_user),
    INT("startTimeout", .min = 2, .max = INT32_MAX),
    INT("stopTimeout", .min = 2, .max = INT32_MAX),
    END,
};
static const api_field task[] = {
    OBJECTS("containers", task_container, .min = 1, .max = 10, REQUIRED),
    OBJECT("ephemeralStorage", fields_ephemeral_storage),
    STRING("executionRoleArn"),
    STRING("taskRoleArn"),
    STRING("platformVersion"),
    STRING("ipcMode", .choice = "host|task|none"),
    STRING("pidMode", .choice = "host|task"),
    OBJECT("networkConfiguration", fields_network),
    STRING("networkMode", .choice = "host"),
    OBJECT("runtimePlatform", fields_runtime_platform),
    OBJECTS("volumes", fields_volumes),
    BOOL("enableExecuteCommand"),
    END,
};
const api_field fields_ecs_properties[] = {
    OBJECTS("taskProperties", task, .min = 1, .max = 1, REQUIRED, .check = check_tasks),
    END,
};

/* ---- consumable resources, multi-node parallel jobs -------------------------------------------
 */

static const api_field consumable[] = {
    STRING("consumableResource", REQUIRED),
    LONG("quantity", REQUIRED),
    END,
};
const api_field fields_consumable_resources[] = {
    OBJECTS("consumableResourceList", consumable),
    END,
};
static const api_field node_range[] = {
    STRING("targetNodes", REQUIRED),
    OBJECT("container", fields_node_container, .check = check_container),
    OBJECT("ecsProperties", fields_ecs_properties),
    OBJECT("eksProperties", fields_eks_properties),
    STRINGS("instanceTypes", .max = 1),
    OBJECT("consumableResourceProperties", fields_consumable_resources),
    END,
};
const api_field fields_node_properties[] = {
    INT("numNodes", .min = 1, .max = 1000, REQUIRED),
    INT("mainNode", .min = 0, .max = 999, REQUIRED),
    OBJECTS("nodeRangeProperties", node_range, .min = 1, .max = 5, REQUIRED),
    END,
};
