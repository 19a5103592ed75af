/* Members of definitions that OpenBatch stores but does not run: ECS tasks with several containers,
 * Kubernetes pods, multi-node parallel jobs. Data only; read-only after the start. They are those
 * of the AWS Batch API reference ("EcsProperties", "EksProperties", "NodeProperties"). */
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

/* ---- Kubernetes pods ------------------------------------------------------------------------- */

static const api_field pod_environment[] = { STRING("name", REQUIRED), STRING("value"), END };
static const api_field pod_resources[] = { MAP("limits"), MAP("requests"), END };
static const api_field pod_mounts[] = {
    STRING("name"), STRING("mountPath"), STRING("subPath"), BOOL("readOnly"), END,
};
static const api_field capabilities[] = { STRINGS("add"), STRINGS("drop"), END };
static const api_field seccomp[] = {
    STRING("type", .choice = "RuntimeDefault|Localhost|Unconfined", REQUIRED),
    STRING("localhostProfile"),
    END,
};
static const api_field container_security[] = {
    LONG("runAsUser"),
    LONG("runAsGroup"),
    BOOL("privileged"),
    BOOL("allowPrivilegeEscalation"),
    BOOL("readOnlyRootFilesystem"),
    BOOL("runAsNonRoot"),
    OBJECT("capabilities", capabilities),
    OBJECT("seccompProfile", seccomp),
    END,
};
static const api_field pod_container[] = {
    STRING("name"),
    STRING("image", REQUIRED),
    STRING("imagePullPolicy", .choice = "Always|IfNotPresent|Never"),
    STRINGS("command"),
    STRINGS("args"),
    OBJECTS("env", pod_environment),
    OBJECT("resources", pod_resources, .check = check_pod_resources),
    OBJECTS("volumeMounts", pod_mounts),
    OBJECT("securityContext", container_security),
    END,
};
static const api_field host_path[] = { STRING("path"), END };
static const api_field empty_dir[] = { STRING("medium"), STRING("sizeLimit"), END };
static const api_field pod_secret[] = { STRING("secretName", REQUIRED), BOOL("optional"), END };
static const api_field claim[] = { STRING("claimName", REQUIRED), BOOL("readOnly"), END };
static const api_field pod_volumes[] = {
    STRING("name", REQUIRED),
    OBJECT("hostPath", host_path),
    OBJECT("emptyDir", empty_dir),
    OBJECT("secret", pod_secret),
    OBJECT("persistentVolumeClaim", claim),
    END,
};
static const api_field metadata[] = {
    MAP("labels"),
    MAP("annotations"),
    STRING("namespace", .max = 63),
    END,
};
static const api_field pod_security[] = {
    LONG("runAsUser"),
    LONG("runAsGroup"),
    BOOL("runAsNonRoot"),
    LONG("fsGroup"),
    OBJECT("seccompProfile", seccomp),
    END,
};
static const api_field pull_secrets[] = { STRING("name", REQUIRED), END };
static const api_field pod[] = {
    STRING("serviceAccountName"),
    BOOL("hostNetwork"),
    STRING("dnsPolicy", .choice = "Default|ClusterFirst|ClusterFirstWithHostNet"),
    OBJECTS("imagePullSecrets", pull_secrets),
    OBJECTS("containers", pod_container, .min = 1, .max = 10, REQUIRED),
    OBJECTS("initContainers", pod_container, .max = 10),
    OBJECTS("volumes", pod_volumes),
    OBJECT("metadata", metadata),
    BOOL("shareProcessNamespace"),
    OBJECT("securityContext", pod_security),
    END,
};
const api_field fields_eks_properties[] = { OBJECT("podProperties", pod, REQUIRED), END };

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
